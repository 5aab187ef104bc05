"""What was expected of an escalation: the next turn of each ladder, and the end that an acknowledgement owes.

Judges nothing: a turn is late where the log says so, and an acknowledgement ran out where the log says that.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from services.audit.domain.frozen import Ladders, step_of, task_name
from services.audit.domain.ledger import Ledger
from services.audit.domain.telling import Telling
from services.audit.domain.words import clock, person, plain, trigger_words
from shared.contracts.asks import Ask
from shared.contracts.base import Cites, join_cites
from shared.contracts.envelope import Recorded
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationJoined,
    EscalationLapsed,
    EscalationOpened,
    EscalationResolved,
    EscalationStoodDown,
    StepReachedNobody,
    StepStarted,
)
from shared.contracts.ladders import Step
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn


class Escalating:
    """One pass over a history: which turns and which ends are expected so far."""

    def __init__(self, ledger: Ledger, telling: Telling, ladders: Ladders) -> None:
        self._ledger = ledger
        self._telling = telling
        self._ladders = ladders
        self._held: defaultdict[str, set[int]] = defaultdict(set)
        """The ladders that an acknowledgement stops, by escalation: they go on when it runs out."""
        self._rounds: dict[tuple[str, int], int] = {}
        """The last round in which a ladder without a step left told everyone."""
        self._known: set[str] = set()
        """The triggers that have opened or joined an escalation: one that comes again is not expected to again."""

    def expect(self, recorded: Recorded, trigger: str, cites: Cites, trigger_id: str | None = None) -> None:
        """Expect that a trigger opens an escalation or joins one; by its event, where nothing else names it."""
        saying = f"{trigger} was to open or join an escalation at once"
        key = f"trigger/{trigger_id or recorded.envelope.event_id}"
        self._ledger.arm(key, "escalation", saying, recorded.recorded_at, recorded, cites=cites)

    def apply(self, recorded: Recorded) -> None:
        """Take in one event of an escalation."""
        match recorded.event:
            case (StepStarted(part=part) | EscalationExhausted(part=part)) as further if part > 1:
                self._telling.ask(recorded, further.asks, further.cites)
            case EscalationOpened() as opened:
                self._triggered(recorded, opened, "opened one")
            case EscalationJoined() as joined:
                self._triggered(recorded, joined, "joined the one open")
                self._stopped(recorded, joined)
                self._telling.ask(recorded, joined.asks, joined.ladder.cites if joined.ladder else Cites())
            case StepStarted() | EscalationExhausted() | StepReachedNobody():
                self._turned(recorded, recorded.event)
            case TaskHandedOver(asks=asks):
                self._telling.ask(recorded, asks, Cites())
            case TaskPassedOn(asks=asks, cites=cites):
                self._telling.ask(recorded, asks, cites)
            case TaskDone() as done:
                self._done(recorded, done)
            case EscalationAcknowledged() as acknowledged:
                self._acknowledged(recorded, acknowledged)
            case AcknowledgementRanOut() as ran_out:
                self._ran_out(recorded, ran_out)
            case EscalationResolved(escalation_id=escalation_id, asks=asks):
                self._ended(recorded, escalation_id, "resolved", asks)
            case EscalationStoodDown(escalation_id=escalation_id, asks=asks):
                self._ended(recorded, escalation_id, "stood down", asks)
            case EscalationLapsed(escalation_id=escalation_id, asks=asks, reason=reason):
                self._ended(recorded, escalation_id, f"lapsed, {plain(reason)},", asks)
            case _:
                pass

    def _triggered(self, recorded: Recorded, event: EscalationOpened | EscalationJoined, how: str) -> None:
        self._known.add(event.trigger_event_id)
        cites = event.ladder.cites if event.ladder else Cites()
        for trigger_id in (event.trigger_event_id, _raised(event.escalation_id, event.trigger)):
            self._ledger.end(f"trigger/{trigger_id}", recorded, "met", how, cites)

    def _stopped(self, recorded: Recorded, event: EscalationJoined) -> None:
        """End the turns of the ladders that another one stops for good."""
        self._held[event.escalation_id] -= set(event.stopped)
        for number in event.stopped:
            how = f"stopped, since ladder {event.ladder_no} runs instead,"
            self._ledger.end(f"turn/{event.escalation_id}/{number}", recorded, "withdrawn", how)

    def _turned(self, recorded: Recorded, event: StepStarted | EscalationExhausted | StepReachedNobody) -> None:
        escalation_id, number = event.escalation_id, event.ladder_no
        key = f"turn/{escalation_id}/{number}"
        match event:
            case StepStarted(step=step) as started:
                self._ledger.end(key, recorded, "met", f"step {step} ({started.name}) started")
                self._arm_following(recorded, started)
                self._telling.ask(recorded, started.asks, started.cites)
            case EscalationExhausted(round=done) as exhausted:
                self._ledger.end(key, recorded, "met", f"everyone was told, round {done}")
                self._rounds[escalation_id, number] = done
                again = f"everyone was to be told again (round {done + 1})"
                self._arm(recorded, escalation_id, number, again, exhausted.next_at, exhausted.cites)
                self._telling.ask(recorded, exhausted.asks, exhausted.cites)
            case StepReachedNobody(next_at=next_at):
                turn = self._ledger.end(key, recorded, "withdrawn", "brought forward: nobody could be told")
                what = "what follows was to start at once, since nobody could be told,"
                self._arm(recorded, escalation_id, number, what, next_at, turn.cites if turn else Cites())

    def _arm_following(self, recorded: Recorded, started: StepStarted) -> None:
        """Expect what follows a step: the one that it leads to, or, where none is left, that everyone is told."""
        escalation_id, number = started.escalation_id, started.ladder_no
        ladder, step = self._ladders.get((escalation_id, number)), self._step(started)
        waited = step.wait_cites if step else Cites()
        rounds = self._rounds.get((escalation_id, number), 0)
        number_after = ladder.following(started.step) if ladder and step and not rounds else 0
        after = step_of(self._ladders, escalation_id, number, number_after)
        if after:
            what = f"step {number_after} ({after.name}) was to start"
            cites = join_cites(waited, after.cites)
        else:
            again = f"everyone was to be told again (round {rounds + 1})"
            what = again if rounds else "no step is left, so everyone was to be told"
            cites = join_cites(waited, ladder.repeat_every.cites if ladder else Cites(ours=True))
        self._arm(recorded, escalation_id, number, what, started.next_at, cites)

    def _done(self, recorded: Recorded, done: TaskDone) -> None:
        """Expect what an outcome leads to: the trigger that it raises, and the step whose time it set."""
        step, task = self._step(done), task_name(self._ladders, done.escalation_id, done.ladder_no, done.step)
        outcome = step.task.outcome(done.outcome) if step and step.task else None
        of_this = f"{done.escalation_id}.{done.ladder_no}-{done.step}.{done.outcome}"
        if outcome and outcome.raises and of_this not in self._known:
            trigger = f"{trigger_words(outcome.raises)}, which came of {task},"
            self.expect(recorded, trigger, done.cites, _raised(done.escalation_id, outcome.raises))
        if done.next_turn is None or done.next_at is None or done.ladder_no in self._held[done.escalation_id]:
            return
        key = f"turn/{done.escalation_id}/{done.ladder_no}"
        self._ledger.end(key, recorded, "withdrawn", f"set anew by what came of {task}")
        led_to = step_of(self._ladders, done.escalation_id, done.ladder_no, done.next_turn)
        what = f"step {done.next_turn} ({led_to.name}) was to start" if led_to else "everyone was to be told"
        cites = join_cites(done.cites, outcome.after_cites if outcome else Cites(), led_to.cites if led_to else Cites())
        self._arm(recorded, done.escalation_id, done.ladder_no, f"{what}, after {task},", done.next_at, cites)

    def _step(self, event: StepStarted | TaskDone) -> Step | None:
        return step_of(self._ladders, event.escalation_id, event.ladder_no, event.step)

    def _arm(
        self, recorded: Recorded, escalation_id: str, number: int, what: str, next_at: datetime, cites: Cites
    ) -> None:
        saying = f"ladder {number} of {escalation_id}: {what} at {clock(next_at, recorded.recorded_at)}"
        self._ledger.arm(f"turn/{escalation_id}/{number}", "step", saying, next_at, recorded, cites=cites)

    def _acknowledged(self, recorded: Recorded, event: EscalationAcknowledged) -> None:
        for number in event.ladders:
            how = f"stopped by the acknowledgement of {person(event.by)}"
            self._ledger.end(f"turn/{event.escalation_id}/{number}", recorded, "withdrawn", how)
        self._held[event.escalation_id] |= set(event.ladders)
        until = clock(event.runs_out_at, recorded.recorded_at)
        saying = f"{person(event.by)} was to bring escalation {event.escalation_id} to an end by {until}"
        key = f"end/{event.escalation_id}"
        self._ledger.end(key, recorded, "withdrawn", "acknowledged anew")
        self._ledger.arm(
            key,
            "resolution",
            saying,
            event.runs_out_at,
            recorded,
            actor=event.by,
            cites=event.cites,
            within=timedelta(0),
        )

    def _ran_out(self, recorded: Recorded, event: AcknowledgementRanOut) -> None:
        ended = self._ledger.end(f"end/{event.escalation_id}", recorded, "missed", "no end came; it ran out")
        cites = ended.cites if ended else event.cites
        for number in sorted(self._held.pop(event.escalation_id, ())):
            what = "it was to go on where it had stopped"
            self._arm(recorded, event.escalation_id, number, what, event.next_at, cites)
        self._telling.ask(recorded, event.asks, cites)

    def _ended(self, recorded: Recorded, escalation_id: str, how: str, asks: tuple[Ask, ...]) -> None:
        self._ledger.end(f"end/{escalation_id}", recorded, "met", how)
        self._ledger.end_all(f"turn/{escalation_id}/", recorded, "withdrawn", f"not needed: {how}")
        self._telling.ask(recorded, asks, Cites())


def _raised(escalation_id: str, trigger: str) -> str:
    """Return by what a trigger is known that an outcome raised: the subject of the escalation, whichever episode it is."""
    return f"raised/{escalation_id.rpartition('.')[0]}/{trigger}"
