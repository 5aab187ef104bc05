"""What falls due in checkin: reminders, check-ins that were missed, and whatever else is awaited and does not come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.checkin.application import COMMAND_OF_KIND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.checkin.application import Application
    from shared.runtime.deadlines import OnDue


def deadlines(application: Application) -> Mapping[str, OnDue]:
    """Return the handler of each kind of deadline that a visit has."""
    return dict.fromkeys(COMMAND_OF_KIND, application.on_due)
