"""What each kind of deadline stands for. Parses and calls; the decider tests it again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from services.escalation.application.reacting import look_at_deadline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.escalation.application import Application
    from shared.runtime.deadlines import OnDue


def deadlines(application: Application) -> Mapping[str, OnDue]:
    """Return the handlers: a ladder's next turn, the end of an acknowledgement, and when a task passes on."""
    look = partial(look_at_deadline, application.commands)
    return {"step": look, "acknowledgement": look, "task": look}
