"""What follows from each command. No clock, no database, no Kafka: the time, and who can be told, come with it."""

from __future__ import annotations

from typing import assert_never

from services.escalation.domain.acknowledging import acknowledge, run_out
from services.escalation.domain.commands import (
    Acknowledge,
    AcknowledgementRunsOut,
    Command,
    Lapse,
    PersonNotReached,
    Resolve,
    StandDown,
    StartNextStep,
)
from services.escalation.domain.endings import lapse, resolve, stand_down
from services.escalation.domain.outcomes import do_task
from services.escalation.domain.raising import raise_trigger
from services.escalation.domain.state import Escalation
from services.escalation.domain.task_commands import (
    DoTask,
    GiveBackTask,
    HandOverTask,
    TakeTask,
    TaskCommand,
    TaskRunsOut,
)
from services.escalation.domain.tasks import give_back_task, hand_over_task, not_reached, take_task, task_runs_out
from services.escalation.domain.triggers import Raise
from services.escalation.domain.turns import start_next_step
from shared.contracts.base import Event


def decide(command: Command, escalation: Escalation) -> list[Event]:
    """Return what follows from a command; nothing for a repeat. Raises Rejected with a code of REFUSALS."""
    match command:
        case Raise():
            return raise_trigger(command, escalation)
        case Lapse():
            return lapse(command, escalation)
        case PersonNotReached():
            return not_reached(command, escalation)
        case StartNextStep():
            return start_next_step(command, escalation)
        case Acknowledge():
            return acknowledge(command, escalation)
        case AcknowledgementRunsOut():
            return run_out(command, escalation)
        case Resolve():
            return resolve(command, escalation)
        case StandDown():
            return stand_down(command, escalation)
        case _:
            return _decide_task(command, escalation)


def _decide_task(command: TaskCommand, escalation: Escalation) -> list[Event]:
    match command:
        case TakeTask():
            return take_task(command, escalation)
        case HandOverTask():
            return hand_over_task(command, escalation)
        case GiveBackTask():
            return give_back_task(command, escalation)
        case DoTask():
            return do_task(command, escalation)
        case TaskRunsOut():
            return task_runs_out(command, escalation)
        case _:
            assert_never(command)
