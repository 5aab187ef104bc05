"""What the events say of one episode, kept by the machine of ``test_escalation_machine`` from the events alone.

Checks each event against what came before it and against the rules as written. Asks the domain for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.escalation.domain import UNREADABLE_LASTS, UNREADABLE_REPEATS, Directory
from shared.contracts.base import Event
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
from shared.contracts.ladders import APART, GRAVITY, Ladder, Outcome, Step, Task
from shared.contracts.roles import RESPONDERS, Role
from shared.contracts.tasks import TaskDone, TaskHandedOver, TaskPassedOn, TaskTaken
from tests.unit.escalation.examples import WALT


@dataclass
class TaskBook:
    """A task that was offered."""

    rule: Task
    offered: list[str] = field(default_factory=list)
    roles: set[Role] = field(default_factory=set)
    holder: str | None = None
    handed_to: str | None = None
    done: TaskDone | None = None

    def next_offer(self, directory: Directory, but: str | None = None) -> tuple[Role, set[str]] | None:
        """The next role that somebody holds who was not offered it and did not let it lapse, with all its holders."""
        passed = max((self.rule.who.index(role) + 1 for role in self.roles), default=0)
        for role in self.rule.who[passed:]:
            holders = set(directory.holders.get(role, ())) - {WALT}
            if role in RESPONDERS and holders - set(self.offered) - {but}:
                return role, holders
        return None

    def is_offered(self, event: StepStarted | TaskPassedOn) -> None:
        for ask in event.asks:
            self.roles.update(ask.roles)
            self.offered += [ask.worker_id] if ask.worker_id not in self.offered else []


@dataclass
class LadderBook:
    """One ladder on its way."""

    trigger: str
    ladder: Ladder | None
    begun_by: int
    """Which of the triggers started it."""
    turn: int = 1
    """The turn that must come next."""
    latest: datetime | None = None
    """When it must come at the latest."""
    last: int = 0
    started: set[int] = field(default_factory=set)
    rounds: int = 0
    repeats_at: datetime | None = None
    held: bool = False
    silenced: bool = False
    asked: set[str] = field(default_factory=set)
    tasks: dict[int, TaskBook] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        return not (self.held or self.silenced)

    @property
    def steps(self) -> tuple[Step, ...]:
        return () if self.ladder is None else self.ladder.steps

    @property
    def lasts(self) -> timedelta:
        return UNREADABLE_LASTS if self.ladder is None else self.ladder.acknowledgement_lasts.span

    @property
    def open_task(self) -> TaskBook | None:
        """The task of the step that started last, while nobody has done it."""
        task = self.tasks.get(self.last)
        return task if task and not task.done else None

    def number_of(self, key: str | None) -> int:
        return next((number for number, step in enumerate(self.steps, 1) if key and step.key == key), 0)

    def where(self, step: int, outcome: Outcome) -> int | None:
        """The turn to which an outcome leads: forward, to what never started, and not before what an outcome has set already."""
        if outcome.leads_to in {None, "resolved", "acknowledged"} or self.silenced:
            return None
        number = self.number_of(outcome.leads_to) or self.following(step)
        waiting = self.turn if self.turn <= len(self.steps) else 0
        if number > len(self.steps):
            return self.turn if self.last == step and not waiting else None
        timed = not self.rounds and self.last == step and self.turn == self.following(step)
        passed = (number < waiting and not timed) or (not self.rounds and number < self.last)
        return None if number <= step or number in self.started or passed else number

    def following(self, step: int) -> int:
        rule = self.steps[step - 1]
        then = self.number_of(rule.then)
        return len(self.steps) + 1 if rule.then == "exhausted" else then if then > step else step + 1

    def starts(self, event: StepStarted, asked: set[str], directory: Directory, now: datetime) -> None:
        step = self.steps[event.step - 1]
        assert self.runs, "nothing starts on a ladder that is held or stopped"
        assert event.step == self.turn, "the turn that was set is the one that comes"
        assert event.step not in self.started, "no step starts twice"
        assert event.task == (step.task is not None)
        if step.task:
            offer = TaskBook(step.task).next_offer(directory)
            assert asked == (offer[1] if offer else set())
            self.tasks[event.step] = TaskBook(step.task)
            self.tasks[event.step].is_offered(event)
            further = self.tasks[event.step].next_offer(directory)
            assert event.passes_on_at == (now + step.task.take_within.span if further else None)
        else:
            roles = RESPONDERS.intersection(step.notify)
            assert asked == {worker for role in roles for worker in directory.holders.get(role, ())} - {WALT}
        timeout = now + step.wait if asked else now
        if self.rounds and self.repeats_at:
            timeout = max(now, min(timeout, self.repeats_at))
        assert event.next_at == timeout
        self.started.add(event.step)
        following = self.following(event.step)
        over = self.rounds or following > len(self.steps)
        self.turn = len(self.steps) + self.rounds + 1 if over else following
        self.last, self.latest, self.asked = event.step, timeout, {ask.notification_id for ask in event.asks}

    def is_exhausted(self, event: EscalationExhausted, now: datetime) -> None:
        assert self.runs, "nothing starts on a ladder that is held or stopped"
        assert self.turn == len(self.steps) + event.round
        assert event.round == self.rounds + 1, "rounds come one after the other, each once"
        repeat = UNREADABLE_REPEATS if self.ladder is None else self.ladder.repeat_every.span
        assert event.next_at == now + repeat
        self.rounds, self.last, self.turn = event.round, self.turn, self.turn + 1
        self.latest = self.repeats_at = event.next_at
        self.asked = set()

    def passes_on(self, event: TaskPassedOn, asked: set[str], directory: Directory, now: datetime) -> None:
        task = self.tasks[event.step]
        assert not self.silenced
        assert task.done is None
        assert event.by == task.holder
        offer = task.next_offer(directory, task.holder)
        new = offer[1] if offer else set()
        if event.reason in {"untaken", "reached_nobody"}:
            assert task.holder is None
            assert asked == new
        else:
            again = ({worker for worker in task.offered if worker in directory.everyone} | new) - {WALT}
            alone = {task.holder} & set(directory.everyone) - {WALT}
            assert asked == (again - {task.holder} or alone)
        task.holder = task.handed_to = None
        task.is_offered(event)
        further = task.next_offer(directory) and self.last == event.step
        assert event.passes_on_at == (now + task.rule.take_within.span if further else None)
        if self.last == event.step:
            self.asked |= {ask.notification_id for ask in event.asks}

    def is_done(self, event: TaskDone, now: datetime) -> None:
        task = self.tasks[event.step]
        assert task.holder == event.by, "whoever holds it did it"
        assert task.done is None, "something comes of a task once"
        outcome = task.rule.outcome(event.outcome)
        assert outcome is not None
        assert event.late == (self.last != event.step)
        assert event.next_turn == self.where(event.step, outcome)
        task.done = event
        if event.next_turn is not None:
            assert self.latest is not None
            assert event.next_at == min(self.latest, now + (outcome.after or timedelta(0))), "nothing is put off"
            self.turn, self.latest = event.next_turn, event.next_at


@dataclass
class Episode:
    """One escalation."""

    escalation_id: str
    previous_id: str = "none"
    open: bool = True
    ladders: dict[int, LadderBook] = field(default_factory=dict)
    triggers: int = 0
    owner: str | None = None
    until: datetime | None = None
    """When what its owner holds runs out."""
    informed: set[str] = field(default_factory=set)
    awaits: list[tuple[str, datetime | None]] = field(default_factory=list)

    @property
    def running(self) -> set[int]:
        return {number for number, book in self.ladders.items() if book.runs}

    @property
    def under_duress(self) -> bool:
        return any(trigger == "duress" for trigger, _ in self.awaits)

    @property
    def held(self) -> set[int]:
        """The ladders that an acknowledgement stops."""
        return {number for number, book in self.ladders.items() if book.held and not book.silenced}

    def free_to(self, seen: int) -> set[int]:
        """Ladders that nobody holds, of the triggers that somebody has seen."""
        return {number for number in self.running if self.ladders[number].begun_by <= seen}

    def starts_a_ladder(self, trigger: str) -> bool:
        """Whether a trigger is apart and the first of its kind, or graver than all that are not apart."""
        running = {book.trigger for book in self.ladders.values()}
        if trigger in APART:
            return trigger not in running
        return all(GRAVITY[trigger] > GRAVITY[other] for other in running - APART)

    def told_again(self, directory: Directory) -> set[str]:
        """Whoever knows of it and may still act; where nobody does, whoever may."""
        return ((self.informed & set(directory.everyone)) or set(directory.everyone)) - {WALT}

    def follow(self, event: Event, asked: set[str], directory: Directory, now: datetime) -> None:
        """Check one event against what came before it, and note what it says."""
        match event:
            case EscalationOpened() | EscalationJoined():
                self.is_raised(event, asked, directory)
            case StepStarted():
                self.ladders[event.ladder_no].starts(event, asked, directory, now)
            case StepReachedNobody():
                book = self.ladders[event.ladder_no]
                assert book.runs, "a ladder that is held or stopped is left alone"
                assert (event.turn, event.next_at) == (book.last, now)
                assert book.asked, "it is said once of each step that asked somebody"
                book.asked, book.latest = set(), now
            case EscalationExhausted():
                assert asked == set(directory.everyone) - {WALT}
                self.ladders[event.ladder_no].is_exhausted(event, now)
            case EscalationAcknowledged():
                self.is_taken(event, now)
            case AcknowledgementRanOut():
                assert (event.by, asked) == (self.owner, self.told_again(directory))
                assert set(event.ladders) == self.held
                for book in self.ladders.values():
                    book.latest = event.next_at if book.held else book.latest
                    book.held = False
                self.owner = None
            case TaskTaken() | TaskHandedOver() | TaskPassedOn() | TaskDone():
                self.task_changes(event, asked, directory, now)
            case EscalationResolved() | EscalationStoodDown() | EscalationLapsed():
                assert asked == self.informed, "everyone told gets one all-clear"
                self.open = False

    def is_raised(self, event: EscalationOpened | EscalationJoined, asked: set[str], directory: Directory) -> None:
        """Check what a trigger starts and stops."""
        if isinstance(event, EscalationJoined):
            assert asked == self.told_again(directory)
            starts = self.starts_a_ladder(event.trigger)
            assert event.ladder_no == (max(self.ladders) + 1 if starts else None)
            instead = starts and event.ladder is not None and event.ladder.instead
            before = {no for no, book in self.ladders.items() if not book.silenced and book.trigger not in APART}
            assert set(event.stopped) == (before if instead else set())
            for number in event.stopped:
                self.ladders[number].silenced = True
        self.triggers += 1
        self.awaits.append((event.trigger, event.due_at))
        if event.ladder_no is not None:
            self.ladders[event.ladder_no] = LadderBook(event.trigger, event.ladder, self.triggers)

    def is_taken(self, event: EscalationAcknowledged, now: datetime) -> None:
        """Check an acknowledgement, and note whose it is and what it stops."""
        assert event.ladders, "somebody takes what is free, from whoever holds the rest"
        assert set(event.ladders) | set(event.running) == self.running
        assert not set(event.ladders) & set(event.running)
        until = [self.until] if self.held and self.until else []
        self.owner = event.by
        for number in event.ladders:
            self.ladders[number].held = True
        self.informed.add(event.by)
        self.until = min(*until, now + min(self.ladders[number].lasts for number in self.held), event.runs_out_at)
        assert event.runs_out_at == self.until, "what was held already is never put off"

    def task_changes(
        self,
        event: TaskTaken | TaskHandedOver | TaskPassedOn | TaskDone,
        asked: set[str],
        directory: Directory,
        now: datetime,
    ) -> None:
        """Check what happens to a task, and note who has it."""
        book = self.ladders[event.ladder_no]
        task = book.tasks[event.step]
        match event:
            case TaskTaken(by=by):
                assert by != WALT
                assert task.done is None
                assert task.holder is None or task.handed_to == by, "two people never hold one task"
                assert event.handed_by == task.holder
                gone_on = book.last != event.step
                assert event.passes_on_at == (None if gone_on else now + task.rule.finish_within.span)
                task.holder, task.handed_to = by, None
                self.informed.add(by)
            case TaskHandedOver(by=by, to=to):
                assert task.holder == by != to
                assert asked == {to} <= set(directory.everyone)
                task.handed_to = to
            case TaskPassedOn():
                book.passes_on(event, asked, directory, now)
            case TaskDone():
                book.is_done(event, now)
                self.informed.add(event.by)
