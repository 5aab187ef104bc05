"""What falls due in notifier: a message that is to be sent, an attempt that has no outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.notifier.application import Application
    from shared.runtime.deadlines import OnDue


def deadlines(application: Application) -> Mapping[str, OnDue]:
    """Return the handler of each kind of deadline."""
    return {"send": application.sender.hand_over, "attempt": application.sender.time_out}
