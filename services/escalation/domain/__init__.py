"""Decide who is told, and in which order, from the moment somebody may be in danger until a person has ended it.

No clock, no database, no Kafka: the same commands on the same history give the same events. How people are reached is
notifier's, whether a check-in was missed is checkin's. One stream per visit, or per worker where there is no visit, and
one about Lonewatch itself; its episodes are numbered. Read ``triggers`` and ``commands``, then ``runs`` and ``state``,
then ``decisions``, the table, with a module for each part of it.
"""

from __future__ import annotations

from services.escalation.domain.acknowledging import UNREADABLE_LASTS
from services.escalation.domain.asking import task_asked_by, triggers_told_with
from services.escalation.domain.commands import (
    Acknowledge,
    AcknowledgementRunsOut,
    Command,
    Lapse,
    PersonNotReached,
    Resolve,
    StandDown,
    StartNextStep,
    command_for,
)
from services.escalation.domain.decisions import decide
from services.escalation.domain.outcomes import CLOCKS_DIFFER
from services.escalation.domain.refusals import REFUSALS
from services.escalation.domain.runs import LadderRun, TaskRun
from services.escalation.domain.state import Acknowledgement, Escalation, deadlines, evolve
from services.escalation.domain.task_commands import (
    DoTask,
    GiveBackTask,
    HandOverTask,
    TakeTask,
    TaskCommand,
    TaskNo,
    TaskResult,
    TaskRunsOut,
)
from services.escalation.domain.triggers import Directory, Raise, subject_of
from services.escalation.domain.turns import UNREADABLE_REPEATS
from shared.contracts.base import Event
from shared.decider import Decider

ESCALATION: Decider[Command, Event, Escalation] = Decider(Escalation(), decide, evolve, deadlines)
"""The decider of a stream ``escalation-<visit, worker or system.operator>``."""

__all__ = [
    "CLOCKS_DIFFER",
    "ESCALATION",
    "REFUSALS",
    "UNREADABLE_LASTS",
    "UNREADABLE_REPEATS",
    "Acknowledge",
    "Acknowledgement",
    "AcknowledgementRunsOut",
    "Command",
    "Directory",
    "DoTask",
    "Escalation",
    "GiveBackTask",
    "HandOverTask",
    "LadderRun",
    "Lapse",
    "PersonNotReached",
    "Raise",
    "Resolve",
    "StandDown",
    "StartNextStep",
    "TakeTask",
    "TaskCommand",
    "TaskNo",
    "TaskResult",
    "TaskRun",
    "TaskRunsOut",
    "command_for",
    "deadlines",
    "decide",
    "evolve",
    "subject_of",
    "task_asked_by",
    "triggers_told_with",
]
