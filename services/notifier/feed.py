"""What notifier follows: whoever asks that somebody be told, and its own events for its own list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.notifier.application import ASKING, URGENT
from services.notifier.readmodel import APPLIES
from shared.contracts.topics import ESCALATIONS, NOTIFICATIONS, VISITS
from shared.runtime.consumers import Reaction, ReadModel

if TYPE_CHECKING:
    from services.notifier.application import Application


def reactions(application: Application) -> list[Reaction]:
    """Return the one reaction: to every event that asks for somebody to be told."""
    answers = {event.type: application.queue for event in ASKING}
    return [Reaction("notifier", (ESCALATIONS, VISITS), answers, urgent=URGENT)]


def read_models() -> list[ReadModel]:
    """Return the one read model: who is being told what, and how far it has come."""
    return [ReadModel("notification", "notifier", (NOTIFICATIONS,), APPLIES)]
