"""A ladder of tasks, as in the protocol for home visits, and what happens in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shared.contracts import escalations, persons, situations, tasks
from shared.contracts.ladders import Ladder, Outcome, Step, Task
from shared.contracts.roles import Role
from tests.unit.audit.examples import ESCALATION, MINUTE, SUE, VISIT, WALT, cites, sealed, timed

if TYPE_CHECKING:
    from datetime import datetime

    from shared.contracts.asks import Ask
    from shared.contracts.base import Event
    from shared.contracts.ladders import Situation

ADA = "ada"
"""The administrator."""

OUTCOMES = (
    Outcome(code="safe", says="Safe", leads_to="resolved", how="spoke_with_worker", cites=cites("safe")),
    Outcome(
        code="no_answer",
        says="No answer",
        leads_to="again",
        after=5 * MINUTE,
        cites=cites("no answer"),
        after_cites=cites("again after 5 minutes"),
    ),
    Outcome(code="concern", says="Something is wrong", leads_to="manager", cites=cites("concern")),
    Outcome(code="give_up", says="Nothing helps", leads_to="exhausted", cites=cites("give up")),
    Outcome(code="code_word", says="The code word", raises="duress", cites=cites("code word")),
)


def _task(key: str, name: str, *who: Role, then: str | None = None) -> Step:
    task = Task(
        who=who, outcomes=OUTCOMES, take_within=timed(3, f"{key} taken"), finish_within=timed(4, f"{key} finished")
    )
    return Step(
        key=key,
        name=name,
        task=task,
        wait=10 * MINUTE,
        then=then,
        cites=cites(key),
        wait_cites=cites(f"{key} wait", ours=True),
    )


PROTOCOL = Ladder(
    trigger="check_in_missed",
    steps=(
        _task("mobile", "Ring the mobile", Role.ADMINISTRATOR, Role.SUPERVISOR),
        _task("again", "Ring the mobile again", Role.ADMINISTRATOR),
        _task("manager", "Refer to the line manager", Role.LINE_MANAGER, then="exhausted"),
        _task("emergency", "See to it that emergency services are called", Role.LINE_MANAGER),
    ),
    acknowledgement_lasts=timed(15, "lasts"),
    repeat_every=timed(5, "repeats"),
    cites=cites("ladder of the protocol"),
)
DURESS = PROTOCOL.model_copy(update={"trigger": "duress", "instead": True, "cites": cites("ladder of duress")})

_TASK = {"escalation_id": ESCALATION, "ladder_no": 1, "step": 1}


def offered(number: int, next_at: datetime, passes_on_at: datetime | None, *asks: Ask, ladder_no: int = 1) -> Event:
    step = PROTOCOL.steps[number - 1]
    return escalations.StepStarted(
        escalation_id=ESCALATION,
        ladder_no=ladder_no,
        step=number,
        name=step.name,
        asks=asks,
        next_at=next_at,
        passes_on_at=passes_on_at,
        task=True,
        cites=step.cites,
    )


def taken(by: str, passes_on_at: datetime | None, handed_by: str | None = None) -> tasks.TaskTaken:
    return tasks.TaskTaken(
        escalation_id=ESCALATION,
        ladder_no=1,
        step=1,
        by=by,
        via="page",
        handed_by=handed_by,
        passes_on_at=passes_on_at,
        cites=cites("finish in time"),
    )


def handed_over(by: str, ask: Ask) -> Event:
    return tasks.TaskHandedOver.model_validate({**_TASK, "by": by, "to": ask.worker_id, "asks": (ask,)})


def passed_on(
    reason: Literal["untaken", "unfinished", "given_back", "reached_nobody"],
    by: str | None,
    passes_on_at: datetime | None,
    *asks: Ask,
    part: int = 1,
) -> tasks.TaskPassedOn:
    return tasks.TaskPassedOn(
        escalation_id=ESCALATION,
        ladder_no=1,
        step=1,
        reason=reason,
        by=by,
        asks=asks,
        part=part,
        passes_on_at=passes_on_at,
        cites=cites("pass it on"),
    )


def done(by: str, outcome: str, turn: int | None = None, at: datetime | None = None) -> tasks.TaskDone:
    return tasks.TaskDone(
        escalation_id=ESCALATION,
        ladder_no=1,
        step=1,
        by=by,
        via="page",
        outcome=outcome,
        answers={},
        next_turn=turn,
        next_at=at,
        cites=cites(f"outcome {outcome}"),
    )


def joined(trigger: Literal["duress", "help"], *stopped: int, event_id: str = "duress") -> Event:
    return escalations.EscalationJoined(
        escalation_id=ESCALATION,
        trigger=trigger,
        trigger_event_id=event_id,
        due_at=None,
        ladder=DURESS,
        ladder_no=2,
        policy_id="policy1",
        policy_version=3,
        stopped=stopped,
        asks=(),
    )


DURESS_ON_VISIT = situations.VisitDuressSignalled(
    visit_id=VISIT, worker_id=WALT, site_id="north", policy_id="policy1", policy_version=3, with_command="check_in"
)
DURESS_WITHOUT_VISIT = situations.WorkerDuressSignalled(worker_id=WALT, site_id="north", with_command="end_visit")


def reported(situation: Situation) -> situations.VisitSituationReported:
    return situations.VisitSituationReported(
        visit_id=VISIT,
        worker_id=WALT,
        site_id="north",
        policy_id="policy1",
        policy_version=3,
        situation=situation,
        note=sealed("a window of 12 Mill Lane is open"),
    )


REPORTED_WITHOUT_VISIT = situations.WorkerSituationReported(worker_id=WALT, site_id="north", situation="unplanned")

PERSONS: tuple[Event, ...] = (
    persons.PhonesSet(worker_id=WALT, mobile=sealed("07700 900123"), home=None),
    persons.CodeWordsSet(worker_id=WALT, challenge=sealed("blue"), all_well=sealed("green"), duress=sealed("red")),
    persons.PinsSet(worker_id=WALT),
    persons.PinsRemoved(worker_id=WALT),
)
SIGNALS: tuple[Event, ...] = (DURESS_ON_VISIT, DURESS_WITHOUT_VISIT, reported("break_in"), REPORTED_WITHOUT_VISIT)
CALLED = done(SUE, "safe").model_copy(update={"reference": sealed("ref 12 Mill Lane"), "note": sealed("12 Mill Lane")})
