"""A simulation as a table: when, what happened, who is concerned, and which clause has it so. Pure: what was played, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy.policy.people import PEOPLE
from deploy.policy.play import Played
from services.escalation.domain import REFUSALS, Escalation
from shared.contracts.asks import Ask
from shared.contracts.base import Cites, Event
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationJoined,
    EscalationOpened,
    EscalationResolved,
    StepStarted,
)
from shared.contracts.ladders import Ladder
from shared.contracts.policy_words import span_text
from shared.contracts.tasks import TaskDone, TaskPassedOn, TaskTaken

_ROLES = {name.lower(): f"{name} ({role.value})" for role, name in PEOPLE.items()}


NOWHERE = Cites()
"""The source of what no rule of the policy demands."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    after: timedelta
    """From the trigger."""
    row_at: datetime
    event: str
    """Its name on the wire, or ``refused``."""
    what: str
    who: tuple[str, ...] = ()
    cites: Cites = NOWHERE
    """Empty where no rule of the policy has it so, as when somebody takes a task."""

    @property
    def source(self) -> str:
        """The clauses, ``ours``, or nothing."""
        said = ", ".join(self.cites.clauses)
        if self.cites.ours:
            return f"ours, for {said}" if said else "ours"
        return said

    def as_json(self) -> dict[str, object]:
        """Return it for programs."""
        when = {"after_seconds": self.after.total_seconds(), "at": self.row_at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return {**when, "event": self.event, "what": self.what, "who": self.who, **self.cites.model_dump(mode="json")}


def rows(played: Iterable[Played], started_at: datetime) -> list[Row]:
    """Return what happened as rows, in its order."""
    return [row for it in played for row in _rows_of(it, it.played_at - started_at)]


def _rows_of(it: Played, after: timedelta) -> Iterator[Row]:
    if it.event is None:
        what = f"{it.wish or 'that'} is refused: {REFUSALS.get(it.refused or '', it.refused)}"
        yield Row(after, it.played_at, "refused", what)
        return
    what, who, cites = _told(it.event, it.before, it.played_at)
    yield Row(after, it.played_at, it.event.type, what, who, cites)


def _told(event: Event, before: Escalation, at: datetime) -> tuple[str, tuple[str, ...], Cites]:
    match event:
        case EscalationOpened():
            return f"{event.trigger}: {_which(event.ladder, event.trigger)}", (), _of_ladder(event.ladder)
        case EscalationJoined():
            own = "no ladder of its own" if event.ladder_no is None else _which(event.ladder, event.trigger)
            stopped = "; the ladders before stop" if event.stopped else ""
            return f"{event.trigger} joins: {own}{stopped}", _people(event.asks), _of_ladder(event.ladder)
        case StepStarted():
            return _step(event, before), _people(event.asks), event.cites
        case TaskTaken():
            return f"{_key(before, event)}: taken", (_ROLES[event.by],), NOWHERE
        case TaskPassedOn():
            reason = event.reason.replace("_", " ")
            return f"{_key(before, event)}: {reason}, so it passes on", _people(event.asks), event.cites
        case TaskDone():
            return _done(event, before, at), (_ROLES[event.by],), event.cites
        case EscalationAcknowledged():
            return (
                f"in hand for {span_text(event.runs_out_at - at)}: nothing starts meanwhile",
                (_ROLES[event.by],),
                event.cites,
            )
        case AcknowledgementRanOut():
            return "nobody ended it in that time: it goes on", _people(event.asks), event.cites
        case EscalationExhausted():
            again = f"again in {span_text(event.next_at - at)}"
            return f"no step is left: everyone is told, round {event.round}, {again}", _people(event.asks), event.cites
        case EscalationResolved():
            return f"resolved ({event.how}): everyone who was told hears it", _people(event.asks), NOWHERE
        case _:
            return event.type, _people(getattr(event, "asks", ())), getattr(event, "cites", NOWHERE)


def _which(ladder: Ladder | None, trigger: str) -> str:
    own = ladder is not None and ladder.trigger == trigger
    return "its ladder starts" if own or ladder is None else f"the ladder for {ladder.trigger} starts"


def _of_ladder(ladder: Ladder | None) -> Cites:
    return ladder.cites if ladder else NOWHERE


def _step(event: StepStarted, before: Escalation) -> str:
    verb = "a task" if event.task else "they are told"
    if not event.asks:
        verb = "nobody holds its roles, so the next starts at once"
    return f"{_key(before, event)}: {event.name} ({verb})"


def _done(event: TaskDone, before: Escalation, at: datetime) -> str:
    late = ", late" if event.late else ""
    run = before.run(event.ladder_no)
    if run is None or event.next_turn is None or event.next_at is None:
        return f"{_key(before, event)}: {event.outcome}{late}"
    step = run.step(event.next_turn)
    to = (step.key or f"step {event.next_turn}") if step else "everyone"
    wait = event.next_at - at
    return f"{_key(before, event)}: {event.outcome}{late}; {to} {f'in {span_text(wait)}' if wait else 'at once'}"


def _key(before: Escalation, event: StepStarted | TaskTaken | TaskPassedOn | TaskDone) -> str:
    run = before.run(event.ladder_no)
    step = run.step(event.step) if run else None
    return step.key if step and step.key else f"step {event.step}"


def _people(asks: Iterable[Ask]) -> tuple[str, ...]:
    return tuple(_ROLES[ask.worker_id] for ask in asks)
