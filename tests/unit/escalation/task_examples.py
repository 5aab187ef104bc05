"""Ladders with tasks, and what people do with a task, that the tests of escalation share. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from services.escalation.domain import (
    Command,
    Directory,
    DoTask,
    Escalation,
    GiveBackTask,
    HandOverTask,
    Raise,
    StartNextStep,
    TakeTask,
    TaskNo,
    TaskResult,
    TaskRunsOut,
)
from shared.contracts.base import Event
from shared.contracts.escalations import EscalationExhausted, StepReachedNobody, StepStarted
from shared.contracts.ladders import Ladder, Outcome, Step, Task, Trigger
from shared.contracts.roles import RESPONDERS, Role
from shared.contracts.spans import Timed
from shared.contracts.tasks import Answer, TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken
from tests.support.given import Given
from tests.unit.escalation.examples import (
    DIRECTORY,
    HEIDI,
    LIZ,
    MINUTE,
    SAM,
    SUE,
    T0,
    WALT,
    cites,
    ladder,
    next_step,
    raise_help,
    raise_missed,
    step,
)

TAKE, FINISH = 2 * MINUTE, 3 * MINUTE
DAN = "dan"
"""The safeguarding lead, offered a task last."""


def outcome(code: str, leads_to: str | None = None, **more: object) -> Outcome:
    given = {
        "code": code,
        "says": code,
        "leads_to": leads_to,
        "cites": cites(code),
        "after_cites": cites(f"{code} after"),
    }
    return Outcome.model_validate(given | more)


def task_step(
    key: str,
    *outcomes: Outcome,
    who: tuple[Role, ...] = (Role.SUPERVISOR,),
    wait: timedelta = 10 * MINUTE,
    **more: object,
) -> Step:
    task = Task(
        who=who,
        outcomes=outcomes or (outcome("no_answer", "next"),),
        take_within=Timed(span=TAKE, cites=cites(f"{key} taken")),
        finish_within=Timed(span=FINISH, cites=cites(f"{key} finished")),
    )
    return step(key, wait=wait).model_copy(update={"key": key, "task": task, **more})


ALL_ROLES = (Role.SUPERVISOR, Role.LINE_MANAGER, Role.DSL)
"""In the order in which the ring task passes on."""

RING = task_step(
    "ring",
    outcome("safe", "resolved", how="spoke_with_worker"),
    outcome("no_answer", "again", after=5 * MINUTE),
    outcome("next", "next"),
    outcome("unknown_key", "nowhere"),
    outcome("back", "ring"),
    outcome("far", "manager"),
    outcome("in_hand", "acknowledged"),
    outcome("stays"),
    outcome("code_word", raises="duress"),
    outcome("left", "next", records=("left_at",)),
    outcome("called", "acknowledged", records=("called_at", "reference")),
    outcome("called_for_help", "acknowledged", raises="help"),
    who=ALL_ROLES,
)
AGAIN = task_step("again", outcome("no_answer", "manager"), outcome("back", "ring"), outcome("home", "home"))
HOME = step("home", Role.LINE_MANAGER, wait=4 * MINUTE).model_copy(update={"key": "home"})
MANAGER = task_step(
    "manager", outcome("emergency", "emergency"), who=(Role.LINE_MANAGER,), wait=6 * MINUTE, then="exhausted"
)
EMERGENCY = task_step("emergency", outcome("no_answer", "next"), who=(Role.HEAD_OF_PROVISION,), wait=3 * MINUTE)
TASKS = ladder("check_in_missed", RING, AGAIN, HOME, MANAGER, EMERGENCY)
"""The ladder of a missed check-in: 1 ring, 2 again, 3 home, 4 manager, 5 emergency, to which only an outcome leads."""

DURESS = ladder("duress", task_step("call", outcome("called", "acknowledged"), who=(Role.HEAD_OF_PROVISION,)))
DURESS = DURESS.model_copy(update={"instead": True})
SAFEGUARDING = ladder("safeguarding", step("dsl", Role.DSL, wait=5 * MINUTE))

PEOPLE = Directory(
    holders={**DIRECTORY.holders, Role.LINE_MANAGER: (LIZ,), Role.DSL: (DAN,)},
    everyone=(WALT, SUE, SAM, LIZ, HEIDI, DAN),
)
"""Each role's holders differ, but for the worker, who is a supervisor too."""

TEN = T0 + 10 * MINUTE
"""When the second step starts, unless an outcome sets an earlier time."""

ONE = TaskNo(1, 1)


def missed(*, now: datetime = T0, directory: Directory = PEOPLE, by: Ladder = TASKS) -> Raise:
    return raise_missed(now=now, ladder=by, directory=directory)


def trigger(name: Trigger, by: Ladder | None, *, event_id: str | None = None, now: datetime = T0) -> Raise:
    return replace(raise_help(event_id or f"{name}1", now=now, ladder=by, directory=PEOPLE), trigger=name)


def take(by: str, now: datetime, task: TaskNo = ONE, *, escalation_id: str = "visit1.1") -> TakeTask:
    return TakeTask(escalation_id, task, by, "page", now)


def hand_over(by: str, to: str, now: datetime, task: TaskNo = ONE, *, directory: Directory = PEOPLE) -> HandOverTask:
    return HandOverTask("visit1.1", task, by, to, directory, now)


def give_back(by: str, now: datetime, task: TaskNo = ONE, *, directory: Directory = PEOPLE) -> GiveBackTask:
    return GiveBackTask("visit1.1", task, by, directory, now)


def do(
    by: str,
    code: str,
    now: datetime,
    task: TaskNo = ONE,
    *,
    seen: int | None = None,
    raised: Raise | None = None,
    escalation_id: str = "visit1.1",
    answers: Mapping[str, Answer] | None = None,
    left_at: datetime | None = None,
    called_at: datetime | None = None,
) -> DoTask:
    result = TaskResult(code, answers or {}, left_at, called_at)
    return DoTask(escalation_id, task, by, "page", result, seen, raised, PEOPLE, now)


def task_runs_out(now: datetime, task: TaskNo = ONE, *, change: int = 1, directory: Directory = PEOPLE) -> TaskRunsOut:
    return TaskRunsOut(1, task, change, directory, now)


def told(events: list[Event]) -> list[str]:
    """Return what happened, a word for each event, with whom it asks."""
    return [_say(event) for event in events]


def _say(event: Event) -> str:
    match event:
        case StepStarted():
            said = f"step {event.ladder_no}-{event.step}"
        case StepReachedNobody():
            said = f"nobody {event.ladder_no}-{event.turn}"
        case EscalationExhausted():
            said = f"round {event.ladder_no}-{event.round}"
        case TaskTaken():
            said = f"taken {event.by}"
        case TaskHandedOver():
            said = f"handed {event.by}"
        case TaskPassedOn():
            said = event.reason
        case TaskDone():
            said = f"done {event.by} {event.outcome}{' late' if event.late else ''}"
        case _:
            said = type(event).__name__.removeprefix("Escalation")
    return " ".join([said, *(item.worker_id for item in getattr(event, "asks", ()))])


def next_turn(history: Given[Command, Event, Escalation], ladder_no: int = 1) -> tuple[int, timedelta]:
    """Return which turn of a ladder comes next, and when, from T0."""
    (due,) = [it for it in history.deadlines if it.kind == "step" and it.subject.split(".")[1] == str(ladder_no)]
    return int(due.subject.split(".")[2]), due.due_at - T0


def passes_on(history: Given[Command, Event, Escalation]) -> list[tuple[str, timedelta]]:
    """Return which tasks pass on, and when, from T0."""
    return [(it.subject, it.due_at - T0) for it in history.deadlines if it.kind == "task"]


def on(turn: int, at: timedelta, *, ladder_no: int = 1) -> StartNextStep:
    """Let the time of a turn come, counted from T0."""
    return next_step(turn, T0 + at, ladder_no=ladder_no, directory=PEOPLE)


TO_EXHAUSTION = (on(2, 10 * MINUTE), on(3, 20 * MINUTE), on(4, 24 * MINUTE), on(6, 30 * MINUTE))
"""The ladder by its times alone: it is exhausted after 30 minutes, and step 5 never started."""


def without(*roles: Role, **held: tuple[str, ...]) -> Directory:
    """Return who is there where some roles have no holder, and others have these."""
    holders = {role: people for role, people in PEOPLE.holders.items() if role not in roles}
    holders |= {Role(role): people for role, people in held.items()}
    responders = (worker for role, people in holders.items() if role in RESPONDERS for worker in people)
    return Directory(holders, tuple(dict.fromkeys(responders)))
