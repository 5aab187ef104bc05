"""Escalation's decider driven by its own deadlines alone: what follows, and when, from what people do.

No clock and no database: each deadline is due a moment after its instant, and brings the command that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from services.escalation.domain import (
    ESCALATION,
    Acknowledge,
    Directory,
    PersonNotReached,
    Raise,
    Resolve,
    command_for,
)
from services.escalation.domain.task_commands import DoTask, GiveBackTask, HandOverTask, TakeTask, TaskNo, TaskResult
from shared.contracts.base import Event, Sealed
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationJoined,
    EscalationOpened,
    EscalationResolved,
    StepStarted,
)
from shared.contracts.ladders import Ladder, Trigger
from shared.contracts.roles import RESPONDERS, Role
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken
from shared.decider import Deadline, Rejected
from tests.support.protocol_oracle import NAMED, Act, Row

T0 = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
"""When the trigger comes."""

MOMENT = timedelta(microseconds=1)
"""How long after its instant a deadline is seen to be due."""

_TRIGGER: TypeAdapter[Trigger] = TypeAdapter(Trigger)

VISIT = "visit1"
EPISODE = f"{VISIT}.1"
REFERENCE = Sealed(kid="k", nonce="n", ct="c")
ORDER = ("acknowledgement", "step", "task")
"""At one instant what runs out comes first, then steps, then tasks that pass on."""


@dataclass
class Driven:
    """One escalation of the real decider."""

    ladders: Mapping[str, Mapping[str, Any]]
    holders: Mapping[str, Sequence[str]]
    worker: str
    unreachable: frozenset[str] = frozenset()
    rows: list[Row] = field(default_factory=list)
    state: Any = ESCALATION.initial
    now: datetime = T0
    unreached: set[str] = field(default_factory=set)

    def tell(self, trigger: Trigger, acts: Iterable[Act], until: int) -> list[Row]:
        """Return what happens from the trigger on, as the oracle tells it."""
        self._do(self._raised(trigger))
        for act in sorted(acts):
            self._pass_time(act.at - 1)
            self.now = max(self.now, T0 + timedelta(seconds=act.at))
            try:
                self._do(self._command(act))
            except Rejected as refused:
                self._row("refused", who=[act.who], detail=refused.code if refused.code in NAMED else "")
        self._pass_time(until)
        return self.rows

    @property
    def directory(self) -> Directory:
        """Who can be told."""
        holders = {Role(role): tuple(people) for role, people in self.holders.items()}
        everyone = [one for role, people in holders.items() if role in RESPONDERS for one in people]
        return Directory(holders, tuple(dict.fromkeys(everyone)))

    def _pass_time(self, until: int) -> None:
        while due := [one for one in ESCALATION.deadlines(self.state) if self._second(one) <= until]:
            first = min(map(self._second, due))
            deadline = min((one for one in due if self._second(one) == first), key=_in_order)
            self.now = max(self.now, deadline.due_at) + MOMENT
            happened = self._do(command_for(deadline, self.directory, self.now))
            assert happened, f"{deadline} is due and nothing comes of it"

    def _second(self, deadline: Deadline) -> int:
        return round((max(deadline.due_at, self.now) - T0).total_seconds())

    def _do(self, command: Any) -> Sequence[Event]:
        events: Sequence[Event] = ESCALATION.decide(command, self.state)
        self.state = ESCALATION.fold(events, self.state)
        self.rows.extend(self._told(events))
        missing = [
            ask.notification_id
            for event in events
            for ask in getattr(event, "asks", ())
            if ask.worker_id in self.unreachable
        ]
        for notification_id in missing:
            self.unreached.add(notification_id)
            self._do(PersonNotReached(notification_id, frozenset(self.unreached), self.directory, self.now))
        return events

    def _command(self, act: Act) -> Any:
        task = TaskNo(act.ladder, act.step)
        match act.what:
            case "take":
                return TakeTask(EPISODE, task, act.who, "api", self.now)
            case "hand_over":
                return HandOverTask(EPISODE, task, act.who, act.to, self.directory, self.now)
            case "give_back":
                return GiveBackTask(EPISODE, task, act.who, self.directory, self.now)
            case "raise":
                return self._raised(_TRIGGER.validate_python(act.outcome))
            case "acknowledge":
                return Acknowledge(EPISODE, act.who, "api", None, self.now)
            case "resolve":
                return Resolve(EPISODE, act.who, act.who, act.outcome, None, None, self.now)
            case _:
                result = TaskResult(act.outcome, {}, T0, T0, REFERENCE)  # the same content, whenever it is said again
                return DoTask(
                    EPISODE, task, act.who, "api", result, None, self._of_outcome(act), self.directory, self.now
                )

    def _of_outcome(self, act: Act) -> Raise | None:
        """Return the trigger that an outcome is, as the application finds it in the ladder that runs."""
        trigger = next(
            (
                outcome["raises"]
                for ladder in self._started(act.ladder)
                for step in ladder["steps"][act.step - 1 : act.step]
                for outcome in (step.get("task") or {"outcomes": ()})["outcomes"]
                if outcome["code"] == act.outcome and outcome.get("raises")
            ),
            None,
        )
        return trigger and self._raised(trigger)

    def _started(self, ladder_no: int) -> Iterator[Mapping[str, Any]]:
        """Yield the ladder of this number, where one has it."""
        triggers = [row.detail for row in self.rows if row.what in {"opened", "joined"} and row.ladder == ladder_no]
        yield from (self.ladders[trigger] for trigger in triggers)

    def _raised(self, trigger: Trigger) -> Raise:
        ladder = Ladder.model_validate(self.ladders[trigger])
        number = sum(row.what in {"opened", "joined"} for row in self.rows)
        return Raise(
            trigger,
            f"trigger{number}",
            VISIT,
            self.worker,
            "north",
            T0 if trigger == "check_in_missed" else None,
            "policy",
            1,
            ladder,
            self.directory,
            self.now,
        )

    def _told(self, events: Sequence[Event]) -> Iterator[Row]:
        """Yield a row for each thing that happened."""
        for event in events:
            row = row_of(event, self.now)
            if row is not None:
                yield row

    def _row(self, what: str, who: Iterable[str] = (), detail: str = "") -> None:
        at = round((self.now - T0).total_seconds())
        self.rows.append(Row(at, what, who=tuple(who), detail=detail))


def _in_order(deadline: Deadline) -> tuple[int, tuple[int, ...]]:
    """Return in which order deadlines of one instant are claimed here: by what they are of, then by ladder and step."""
    return ORDER.index(deadline.kind), tuple(int(part) for part in deadline.subject.split("."))


def row_of(event: Event, now: datetime, since: datetime = T0) -> Row | None:
    """Return the row of the oracle's that an event is; None for one that says nothing of when."""
    at = round((now - since).total_seconds())
    asked = tuple(sorted({ask.worker_id for ask in getattr(event, "asks", ())}))
    match event:
        case EscalationOpened():
            return Row(at, "opened", event.ladder_no, detail=event.trigger)
        case EscalationJoined():
            return Row(at, "joined", event.ladder_no or 0, detail=event.trigger)
        case StepStarted():
            return Row(at, "step", event.ladder_no, event.step, asked)
        case TaskTaken():
            return Row(at, "taken", event.ladder_no, event.step, (event.by,))
        case TaskHandedOver():
            return Row(at, "handed_over", event.ladder_no, event.step, (event.by,), event.to)
        case TaskPassedOn():
            return Row(at, "passed_on", event.ladder_no, event.step, asked, event.reason)
        case TaskDone():
            outcome = f"{event.outcome} late" if event.late else event.outcome
            return Row(at, "done", event.ladder_no, event.step, (event.by,), outcome)
        case EscalationExhausted():
            return Row(at, "exhausted", event.ladder_no, 0, asked, str(event.round))
        case EscalationAcknowledged():
            return Row(at, "acknowledged", who=(event.by,))
        case AcknowledgementRanOut():
            return Row(at, "ran_out", who=(event.by,))
        case EscalationResolved():
            return Row(at, "ended", who=(event.by,))
        case _:
            return None
