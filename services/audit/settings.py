"""Settings of audit: what every service needs, and nothing more."""

from __future__ import annotations

from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read once, in ``__main__``."""
