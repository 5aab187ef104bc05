"""A policy's ladders, a directory and the triggers that the tests of escalation share. Decides nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from services.escalation.domain import (
    ESCALATION,
    Acknowledge,
    AcknowledgementRunsOut,
    Command,
    Directory,
    Escalation,
    Lapse,
    PersonNotReached,
    Raise,
    Resolve,
    StandDown,
    StartNextStep,
)
from shared.contracts.asks import Ask
from shared.contracts.base import OPERATOR_SITE, Cites, Event
from shared.contracts.escalations import EscalationAcknowledged, EscalationOpened, StepStarted
from shared.contracts.ladders import Ladder, Step, Trigger
from shared.contracts.roles import Role
from shared.contracts.spans import Timed
from shared.contracts.troubles import UNKNOWN_WORKER, Trouble
from tests.support.given import Given, given

T0 = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
LASTS = timedelta(minutes=20)
REPEATS = timedelta(minutes=7)

VISIT = "visit1"
WALT = "walt"
"""The worker who may be in danger; he is a supervisor too, so that a step could reach him by mistake."""
SUE, SAM, LIZ, HEIDI = "sue", "sam", "liz", "heidi"


def cites(clause: str) -> Cites:
    return Cites(clauses=(clause,))


def step(name: str, *notify: Role, wait: timedelta) -> Step:
    return Step(name=name, notify=notify, wait=wait, cites=cites(name), wait_cites=cites(f"{name} wait"))


def ladder(trigger: Trigger, *steps: Step, lasts: timedelta = LASTS) -> Ladder:
    return Ladder(
        trigger=trigger,
        steps=steps,
        acknowledgement_lasts=Timed(span=lasts, cites=cites("lasts" if lasts == LASTS else f"lasts {lasts}")),
        repeat_every=Timed(span=REPEATS, cites=cites("repeats")),
        cites=cites(trigger),
    )


MISSED = ladder(
    "check_in_missed",
    step("first", Role.SUPERVISOR, wait=5 * MINUTE),
    step("second", Role.LINE_MANAGER, Role.SUPERVISOR, wait=10 * MINUTE),
)
HELP = ladder("help", step("all hands", Role.SUPERVISOR, Role.HEAD_OF_PROVISION, wait=2 * MINUTE))

DIRECTORY = Directory(
    holders={
        Role.WORKER: (WALT, "other"),
        Role.SUPERVISOR: (WALT, SUE, SAM),
        Role.LINE_MANAGER: (LIZ, SUE),
        Role.HEAD_OF_PROVISION: (HEIDI,),
    },
    everyone=(WALT, SUE, SAM, LIZ, HEIDI),
)
NOBODY = Directory(holders={}, everyone=())


def raise_missed(
    event_id: str = "missed1",
    *,
    now: datetime = T0,
    ladder: Ladder | None = MISSED,
    directory: Directory = DIRECTORY,
) -> Raise:
    return Raise(
        trigger="check_in_missed",
        trigger_event_id=event_id,
        visit_id=VISIT,
        worker_id=WALT,
        site_id="north",
        due_at=T0 - SECOND,
        policy_id="policy1",
        policy_version=3,
        ladder=ladder,
        directory=directory,
        now=now,
    )


def raise_help(
    event_id: str = "help1",
    *,
    now: datetime = T0,
    ladder: Ladder | None = HELP,
    directory: Directory = DIRECTORY,
    visit_id: str | None = VISIT,
) -> Raise:
    return Raise(
        trigger="help",
        trigger_event_id=event_id,
        visit_id=visit_id,
        worker_id=WALT,
        site_id="north",
        due_at=None,
        policy_id="policy1",
        policy_version=3,
        ladder=ladder,
        directory=directory,
        now=now,
    )


PARKED = Trouble(service="checkin", concern="record_parked", place="visit-visit1, position 7")


def raise_awaited(
    trigger: Trigger, event_id: str = "awaited1", *, now: datetime = T0, directory: Directory = DIRECTORY
) -> Raise:
    """Raise that something awaited did not come, which was due a second ago."""
    due_at = now - SECOND
    return replace(
        raise_missed(event_id, now=now, directory=directory), trigger=trigger, due_at=due_at, late="system_outage"
    )


def raise_trouble(event_id: str = "trouble1", *, now: datetime = T0, directory: Directory = DIRECTORY) -> Raise:
    """Raise that the watch over a visit is in trouble."""
    return replace(raise_missed(event_id, now=now, directory=directory), trigger="trouble", due_at=None, trouble=PARKED)


def raise_system(event_id: str = "trouble1", *, now: datetime = T0, ladder: Ladder | None = None) -> Raise:
    """Raise that Lonewatch itself is in trouble."""
    return Raise(
        trigger="system",
        trigger_event_id=event_id,
        visit_id=None,
        worker_id=UNKNOWN_WORKER,
        site_id=OPERATOR_SITE,
        due_at=None,
        policy_id=None,
        policy_version=None,
        ladder=ladder,
        directory=DIRECTORY,
        now=now,
        trouble=PARKED,
    )


def came(*moot: Trigger, came_at: datetime = T0, reason: str = "visit_started") -> Lapse:
    """Let something come that answers these triggers."""
    return Lapse(reason=reason, moot=frozenset(moot), came_at=came_at, now=came_at)


def not_reached(
    number: int,
    *others: int,
    now: datetime,
    escalation_id: str = "visit1.1",
    directory: Directory = DIRECTORY,
) -> PersonNotReached:
    """Let a notification reach nobody, as the others had not before."""
    unreached = frozenset(f"{escalation_id}.{n}" for n in (number, *others))
    return PersonNotReached(f"{escalation_id}.{number}", unreached, directory, now)


def next_step(turn: int, now: datetime, *, ladder_no: int = 1, directory: Directory = DIRECTORY) -> StartNextStep:
    return StartNextStep(episode=1, ladder_no=ladder_no, turn=turn, directory=directory, now=now)


def runs_out(now: datetime, *, episode: int = 1, directory: Directory = DIRECTORY) -> AcknowledgementRunsOut:
    return AcknowledgementRunsOut(episode=episode, directory=directory, now=now)


class Act(Protocol):
    """What a person does to the escalation that they see: ``acknowledge``, ``resolve``, ``stand_down``."""

    def __call__(
        self, by: str, now: datetime, *, escalation_id: str = "visit1.1", seen: int | None = None
    ) -> Command: ...


def acknowledge(by: str, now: datetime, *, escalation_id: str = "visit1.1", seen: int | None = None) -> Acknowledge:
    return Acknowledge(escalation_id=escalation_id, by=by, via="page", triggers_seen=seen, now=now)


def resolve(by: str, now: datetime, *, escalation_id: str = "visit1.1", seen: int | None = None) -> Resolve:
    return Resolve(
        escalation_id=escalation_id,
        by=by,
        confirmed_by=by,
        how="met_in_person",
        note=None,
        triggers_seen=seen,
        now=now,
    )


def stand_down(by: str, now: datetime, *, escalation_id: str = "visit1.1", seen: int | None = None) -> StandDown:
    return StandDown(
        escalation_id=escalation_id, by=by, reason="forgot_to_check_in", note=None, triggers_seen=seen, now=now
    )


def ask(n: int, worker_id: str, *roles: Role, escalation_id: str = "visit1.1") -> Ask:
    return Ask(notification_id=f"{escalation_id}.{n}", worker_id=worker_id, roles=roles)


def after(*commands: Command) -> Given[Command, Event, Escalation]:
    history = given(ESCALATION)
    for command in commands:
        history = history.then(command)
    return history


def asked(events: list[Event]) -> list[str]:
    return [item.worker_id for event in events for item in getattr(event, "asks", ())]


OPENED = EscalationOpened(
    escalation_id="visit1.1",
    episode=1,
    visit_id=VISIT,
    worker_id=WALT,
    site_id="north",
    trigger="check_in_missed",
    trigger_event_id="missed1",
    due_at=T0 - SECOND,
    policy_id="policy1",
    policy_version=3,
    ladder=MISSED,
    ladder_no=1,
)
FIRST_STEP = StepStarted(
    escalation_id="visit1.1",
    ladder_no=1,
    step=1,
    name="first",
    asks=(ask(1, SUE, Role.SUPERVISOR), ask(2, SAM, Role.SUPERVISOR)),
    next_at=T0 + 5 * MINUTE,
    cites=cites("first"),
)
TAKEN = EscalationAcknowledged(
    escalation_id="visit1.1",
    by=SUE,
    via="page",
    ladders=(1,),
    runs_out_at=T0 + MINUTE + LASTS,
    cites=cites("lasts"),
)

CROWD = Directory(
    holders={Role.SUPERVISOR: tuple(f"person{n}" for n in range(450))},
    everyone=tuple(f"person{n}" for n in range(450)),
)
