"""Whom an event of escalation asks to tell, and why."""

from __future__ import annotations

from typing import Literal

from shared.contracts.base import Contract, Id
from shared.contracts.roles import Role

AskKind = Literal["step", "task", "handover", "joined", "ran_out", "exhausted", "all_clear"]
"""Why somebody is told. ``step`` and ``exhausted`` are withdrawn when somebody has acknowledged; ``task`` (it passed on to
them), and a ``step`` that is a task, when somebody has taken it; ``handover`` when it is done or went another way."""

MOST_ASKS = 200
"""People that one event asks to tell. Notifier queues a write for each in one append, and the log takes 500 events."""


class Ask(Contract):
    """Tell this person, once, by every way in which they can be reached. ``notification_id`` is unique for good."""

    notification_id: Id
    worker_id: Id
    roles: tuple[Role, ...]
