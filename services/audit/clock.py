"""The deadlines of audit: none. It tells what was expected of others; nothing falls due here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.audit.application import Application
    from shared.runtime.deadlines import OnDue


def deadlines(_application: Application) -> Mapping[str, OnDue]:
    """Return the handler of each kind of deadline."""
    return {}
