"""Decide who is told, and in which order, from the moment somebody may be in danger until a person has ended it.

No clock, no database, no Kafka: the same commands on the same history give the same events. How people are reached is
notifier's, whether a check-in was missed is checkin's. One stream per visit, or per worker where there is no visit, and
one about Lonewatch itself; its episodes are numbered. Read ``commands``, then ``state``, ``asking``, ``decisions``,
``endings``.
"""

from __future__ import annotations

from services.escalation.domain.asking import triggers_told_with
from services.escalation.domain.commands import (
    Acknowledge,
    AcknowledgementRunsOut,
    Command,
    Directory,
    Lapse,
    PersonNotReached,
    Raise,
    Resolve,
    StandDown,
    StartNextStep,
    command_for,
    subject_of,
)
from services.escalation.domain.decisions import REFUSALS, UNREADABLE_LASTS, UNREADABLE_REPEATS, decide
from services.escalation.domain.state import Acknowledgement, Escalation, LadderRun, deadlines, evolve
from shared.contracts.base import Event
from shared.decider import Decider

ESCALATION: Decider[Command, Event, Escalation] = Decider(Escalation(), decide, evolve, deadlines)
"""The decider of a stream ``escalation-<visit, worker or system.operator>``."""

__all__ = [
    "ESCALATION",
    "REFUSALS",
    "UNREADABLE_LASTS",
    "UNREADABLE_REPEATS",
    "Acknowledge",
    "Acknowledgement",
    "AcknowledgementRunsOut",
    "Command",
    "Directory",
    "Escalation",
    "LadderRun",
    "Lapse",
    "PersonNotReached",
    "Raise",
    "Resolve",
    "StandDown",
    "StartNextStep",
    "command_for",
    "deadlines",
    "decide",
    "evolve",
    "subject_of",
    "triggers_told_with",
]
