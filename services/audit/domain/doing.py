"""What was expected of whoever was offered a task: that somebody takes it, and that whoever took it finishes it.

Judges nothing: untaken or unfinished is what the log says passed on, or what a ladder went on without.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from services.audit.domain.frozen import Ladders, step_of, task_name
from services.audit.domain.ledger import Ledger
from services.audit.domain.lines import Outcome
from services.audit.domain.words import clock, person, plain
from shared.contracts.base import Cites, join_cites
from shared.contracts.envelope import Recorded
from shared.contracts.escalations import (
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationJoined,
    EscalationLapsed,
    EscalationResolved,
    EscalationStoodDown,
    StepReachedNobody,
    StepStarted,
)
from shared.contracts.tasks import TaskDone, TaskPassedOn, TaskTaken

_PASSED: Mapping[str, tuple[Outcome, str]] = MappingProxyType(
    {
        "untaken": ("missed", "nobody took it; it passed on"),
        "unfinished": ("missed", "not finished; it passed on"),
        "given_back": ("withdrawn", "given back"),
        "reached_nobody": ("withdrawn", "nobody who was offered it could be told"),
    }
)
"""What passing on makes of what was expected until then, by its reason."""


class Doing:
    """One pass over a history: the tasks that are offered or held so far, each of which is expected once at a time."""

    def __init__(self, ledger: Ledger, ladders: Ladders) -> None:
        self._ledger = ledger
        self._ladders = ladders
        self._at: dict[tuple[str, int], tuple[int, datetime]] = {}
        """The step at which a ladder stands, and when it goes on; nothing once no step is left."""

    def apply(self, recorded: Recorded) -> None:
        """Take in one event of an escalation."""
        match recorded.event:
            case StepStarted(part=1) as started:
                self._gone_on(recorded, started, f"the ladder went on to step {started.step}")
                self._at[started.escalation_id, started.ladder_no] = (started.step, started.next_at)
                if started.task and started.asks:
                    self._offered(recorded, started, join_cites(started.cites, self._take_within(started)))
            case StepReachedNobody(escalation_id=escalation_id, ladder_no=number, next_at=next_at):
                self._moved(escalation_id, number, next_at)
            case EscalationExhausted(part=1) as exhausted:
                self._gone_on(recorded, exhausted, "no step was left and everyone was told")
                self._at.pop((exhausted.escalation_id, exhausted.ladder_no), None)
            case EscalationAcknowledged(escalation_id=escalation_id, ladders=ladders, by=by):
                self._stopped(recorded, escalation_id, ladders, f"stopped by the acknowledgement of {person(by)}")
            case EscalationJoined(escalation_id=escalation_id, stopped=stopped, ladder_no=number, part=1) if stopped:
                self._stopped(recorded, escalation_id, stopped, f"stopped, since ladder {number} runs instead,")
            case EscalationResolved() | EscalationStoodDown() | EscalationLapsed() as ended:
                self._ledger.end_all(
                    f"task/{ended.escalation_id}/", recorded, "withdrawn", "not needed: the escalation ended"
                )
            case TaskTaken() | TaskPassedOn() | TaskDone():
                self._apply_task(recorded, recorded.event)
            case _:
                pass

    def _apply_task(self, recorded: Recorded, event: TaskTaken | TaskPassedOn | TaskDone) -> None:
        key = _key(event)
        match event:
            case TaskTaken(by=by, handed_by=str()):
                self._ledger.end(key, recorded, "withdrawn", f"{person(by)} took it over")
                self._held(recorded, event)
            case TaskTaken(by=by):
                self._ledger.end(key, recorded, "met", f"{person(by)} took it")
                self._held(recorded, event)
            case TaskPassedOn(part=1, reason=reason):
                self._ledger.end(key, recorded, *_PASSED[reason])
                self._offered(recorded, event, event.cites)
            case TaskDone(by=by, outcome=outcome):
                self._ledger.end(key, recorded, "met", f"done by {person(by)}, {plain(outcome)},", event.cites)
                if event.next_at is not None:
                    self._moved(event.escalation_id, event.ladder_no, event.next_at)
            case _:
                pass  # a further part names more people, and expects no more of them

    def _offered(self, recorded: Recorded, event: StepStarted | TaskPassedOn, cites: Cites) -> None:
        """Expect somebody to take it: until it passes on, or where it cannot, until its ladder goes on without it."""
        step, goes_on_at = self._at.get((event.escalation_id, event.ladder_no), (None, None))
        until = event.passes_on_at or goes_on_at
        if until is not None and step == event.step:  # else its ladder is held, or has gone on: it passes on to nobody
            self._arm(recorded, event, "was to be taken", until, cites)

    def _held(self, recorded: Recorded, event: TaskTaken) -> None:
        step, _ = self._at.get((event.escalation_id, event.ladder_no), (None, None))
        if event.passes_on_at is not None and step == event.step:  # an acknowledgement holds it otherwise
            self._arm(recorded, event, f"was to be done by {person(event.by)}", event.passes_on_at, event.cites)

    def _arm(
        self, recorded: Recorded, event: StepStarted | TaskTaken | TaskPassedOn, was: str, until: datetime, cites: Cites
    ) -> None:
        task = task_name(self._ladders, event.escalation_id, event.ladder_no, event.step)
        saying = f"{task} of {event.escalation_id} {was} until {clock(until, recorded.recorded_at)}"
        actor = event.by if isinstance(event, TaskTaken) else None
        self._ledger.arm(_key(event), "task", saying, until, recorded, within=timedelta(0), actor=actor, cites=cites)

    def _take_within(self, started: StepStarted) -> Cites:
        step = step_of(self._ladders, started.escalation_id, started.ladder_no, started.step)
        return step.task.take_within.cites if step and step.task else Cites()

    def _moved(self, escalation_id: str, ladder_no: int, next_at: datetime) -> None:
        known = self._at.get((escalation_id, ladder_no))
        if known is not None:
            self._at[escalation_id, ladder_no] = (known[0], next_at)

    def _gone_on(self, recorded: Recorded, event: StepStarted | EscalationExhausted, how: str) -> None:
        self._ledger.end_due(f"task/{event.escalation_id}/{event.ladder_no}/", recorded, how)

    def _stopped(self, recorded: Recorded, escalation_id: str, ladders: tuple[int, ...], how: str) -> None:
        for number in ladders:
            self._at.pop((escalation_id, number), None)
            self._ledger.end_all(f"task/{escalation_id}/{number}/", recorded, "withdrawn", how)


def _key(event: StepStarted | TaskTaken | TaskPassedOn | TaskDone) -> str:
    return f"task/{event.escalation_id}/{event.ladder_no}/{event.step}"
