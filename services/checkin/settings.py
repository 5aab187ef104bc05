"""What checkin needs from its environment."""

from __future__ import annotations

from pathlib import Path

from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of checkin."""

    first_administrator_file: Path | None = None
    """Where the first administrator's token is written, for its owner alone, while the operator has no administrator."""
