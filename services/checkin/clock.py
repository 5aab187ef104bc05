"""What falls due in checkin: reminders, and check-ins that were missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.checkin.application import Application
    from shared.runtime.deadlines import OnDue


def deadlines(application: Application) -> Mapping[str, OnDue]:
    """Return the handler of each kind of deadline that a visit has."""
    return dict.fromkeys(("check_in_missed", "reminder_before", "reminder_at"), application.on_due)
