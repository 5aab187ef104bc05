"""Random histories of escalations: whatever comes in whatever order, these things hold.

Triggers, passing time, deadlines that fire due, twice, early and stale, people who act, who cannot be reached, and who
come and go; and what was awaited and comes after all.
The model keeps its own books from the events alone and asks the domain's state for nothing but its deadlines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.escalation.domain import (
    ESCALATION,
    UNREADABLE_LASTS,
    Command,
    Directory,
    Lapse,
    PersonNotReached,
    Raise,
    command_for,
)
from shared.contracts.asks import Ask
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
from shared.contracts.ladders import AWAITED, GRAVITY, Ladder, Step, Trigger
from shared.contracts.roles import RESPONDERS, Role
from shared.decider import Deadline, Rejected
from tests.unit.escalation.examples import (
    DIRECTORY,
    HEIDI,
    HELP,
    LIZ,
    MINUTE,
    MISSED,
    SAM,
    SECOND,
    SUE,
    T0,
    WALT,
    Act,
    acknowledge,
    ladder,
    raise_awaited,
    raise_help,
    raise_missed,
    raise_trouble,
    resolve,
    stand_down,
    step,
)

PEOPLE = (WALT, SUE, SAM, LIZ, HEIDI)
ROLES = (Role.WORKER, Role.SUPERVISOR, Role.LINE_MANAGER, Role.HEAD_OF_PROVISION, Role.AUDITOR)
UNHELD = ladder("help", step("a role that nobody holds", Role.DSL, wait=MINUTE), *MISSED.steps, lasts=3 * MINUTE)
GRANTS = st.frozensets(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(ROLES)))
SPANS = st.sampled_from((SECOND, MINUTE, 3 * MINUTE, 6 * MINUTE, 25 * MINUTE))


@dataclass
class Episode:
    """What the events say of one episode, kept by the test."""

    escalation_id: str
    previous_id: str = "none"
    open: bool = True
    ladders: dict[int, Ladder | None] = field(default_factory=dict)
    triggers: int = 0
    begun_by: dict[int, int] = field(default_factory=dict)
    gravity: int = -1
    turns: dict[int, int] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    owner: str | None = None
    informed: set[str] = field(default_factory=set)
    awaits: list[tuple[str, datetime | None]] = field(default_factory=list)
    asked: dict[int, set[str]] = field(default_factory=dict)

    def follow(self, event: Event, asked: set[str], directory: Directory, now: datetime) -> None:
        """Check one event against what came before it, and note what it says."""
        match event:
            case EscalationOpened() | EscalationJoined():
                if isinstance(event, EscalationJoined):
                    assert asked == self.told_again(directory)
                self.triggers += 1
                self.awaits.append((event.trigger, event.due_at))
                self.gravity = max(self.gravity, GRAVITY[event.trigger])
                if event.ladder_no is not None:
                    self.ladders[event.ladder_no] = event.ladder
                    self.begun_by[event.ladder_no] = self.triggers
            case StepStarted():
                the_step = self.steps(event.ladder_no)[event.step - 1]
                self.turn_starts(event.ladder_no, event.step)
                roles = RESPONDERS.intersection(the_step.notify)
                assert asked == {worker for role in roles for worker in directory.holders.get(role, ())} - {WALT}
                assert event.next_at == (now + the_step.wait if asked else now)
                self.asked[event.ladder_no] = {ask.notification_id for ask in event.asks}
            case StepReachedNobody():
                assert event.ladder_no not in self.stopped, "an acknowledged ladder is left alone"
                assert (event.turn, event.next_at) == (self.turns[event.ladder_no], now)
                assert self.asked.pop(event.ladder_no), "it is said once of each step that asked somebody"
            case EscalationExhausted():
                self.asked.pop(event.ladder_no, None)
                self.turn_starts(event.ladder_no, len(self.steps(event.ladder_no)) + event.round)
                assert asked == set(directory.everyone) - {WALT}
                assert event.next_at > now
            case EscalationAcknowledged():
                self.is_taken(event, now)
            case AcknowledgementRanOut():
                assert (event.by, asked) == (self.owner, self.told_again(directory))
                assert set(event.ladders) == self.stopped
                self.owner, self.stopped = None, set()
            case EscalationResolved() | EscalationStoodDown() | EscalationLapsed():
                assert asked == self.informed, "everyone told gets one all-clear"
                self.open = False

    def is_taken(self, event: EscalationAcknowledged, now: datetime) -> None:
        """Check an acknowledgement, and note whose it is and what it stops."""
        assert event.ladders, "somebody takes what is free, from whoever holds the rest"
        assert set(event.ladders) | set(event.running) == set(self.ladders) - self.stopped
        assert not set(event.ladders) & set(event.running)
        self.owner = event.by
        self.stopped |= set(event.ladders)
        self.informed.add(event.by)
        assert event.runs_out_at == now + min(self.lasts(number) for number in self.stopped)

    def told_again(self, directory: Directory) -> set[str]:
        """Whoever knows of it and may still act; where nobody does, whoever may."""
        return ((self.informed & set(directory.everyone)) or set(directory.everyone)) - {WALT}

    def lasts(self, ladder_no: int) -> timedelta:
        ladder = self.ladders[ladder_no]
        return UNREADABLE_LASTS if ladder is None else ladder.acknowledgement_lasts.span

    def free_to(self, seen: int) -> set[int]:
        """Ladders that nobody holds, of the triggers that somebody has seen."""
        return {number for number in set(self.ladders) - self.stopped if self.begun_by[number] <= seen}

    def steps(self, ladder_no: int) -> tuple[Step, ...]:
        ladder = self.ladders[ladder_no]
        return () if ladder is None else ladder.steps

    def turn_starts(self, ladder_no: int, turn: int) -> None:
        assert ladder_no not in self.stopped, "nothing starts on an acknowledged ladder"
        assert turn == self.turns.get(ladder_no, 0) + 1, "turns come one after the other, each once"
        self.turns[ladder_no] = turn


class EscalationHistories(RuleBasedStateMachine):
    """One stream over several episodes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.events: list[Event] = []
        self.state = ESCALATION.initial
        self.episode = Episode("none", open=False)
        self.notification_ids: set[str] = set()
        self.unreached: set[str] = set()
        self.deadlines_seen: set[Deadline] = set()
        self.triggers: list[str] = []
        self.directory = DIRECTORY

    # What happens

    @rule(grants=GRANTS)
    def people_come_and_go(self, grants: frozenset[tuple[str, Role]]) -> None:
        held = sorted(grants)
        holders = {role: tuple(worker for worker, its in held if its == role) for role in ROLES}
        everyone = tuple(dict.fromkeys(worker for worker, role in held if role in RESPONDERS))
        self.directory = Directory(holders, everyone)

    @rule(span=SPANS)
    def time_passes(self, span: timedelta) -> None:
        self.now += span

    @rule(missed_ladder=st.sampled_from((MISSED, None)))
    def a_check_in_is_missed(self, missed_ladder: Ladder | None) -> None:
        event_id = self.new_trigger()
        self.trigger_comes(raise_missed(event_id, now=self.now, ladder=missed_ladder, directory=self.directory))

    @rule(help_ladder=st.sampled_from((HELP, UNHELD, None)))
    def the_worker_asks_for_help(self, help_ladder: Ladder | None) -> None:
        event_id = self.new_trigger()
        self.trigger_comes(raise_help(event_id, now=self.now, ladder=help_ladder, directory=self.directory))

    @rule(trigger=st.sampled_from(sorted(AWAITED)))
    def something_awaited_does_not_come(self, trigger: Trigger) -> None:
        self.trigger_comes(raise_awaited(trigger, self.new_trigger(), now=self.now, directory=self.directory))

    @rule()
    def the_watch_is_in_trouble(self) -> None:
        self.trigger_comes(raise_trouble(self.new_trigger(), now=self.now, directory=self.directory))

    @rule(moot=st.frozensets(st.sampled_from((*sorted(AWAITED), "trouble"))), late=st.sampled_from((SECOND, MINUTE)))
    def something_awaited_comes_after_all(self, moot: frozenset[Trigger], late: timedelta) -> None:
        came_at = self.now - late
        over = all(
            trigger in moot & AWAITED and due_at is not None and due_at <= came_at
            for trigger, due_at in self.episode.awaits
        )
        ends = self.episode.open and over
        lapsed = self.apply(Lapse("visit_started", moot, came_at, self.now))
        assert [type(event) for event in lapsed] == ([EscalationLapsed] if ends else [])

    @precondition(lambda self: self.notification_ids)
    @rule(data=st.data())
    def somebody_cannot_be_reached(self, data: st.DataObject) -> None:
        notification_id = data.draw(st.sampled_from(sorted(self.notification_ids)))
        self.unreached.add(notification_id)
        running = {
            ladder_no: asked
            for ladder_no, asked in self.episode.asked.items()
            if self.episode.open and ladder_no not in self.episode.stopped
        }
        nobody = any(notification_id in asked <= self.unreached for asked in running.values())
        command = PersonNotReached(notification_id, frozenset(self.unreached), self.now)
        assert [type(event) for event in self.apply(command)] == ([StepReachedNobody] if nobody else [])
        assert self.apply(command) == []

    @precondition(lambda self: self.triggers)
    @rule(data=st.data())
    def a_trigger_is_delivered_again(self, data: st.DataObject) -> None:
        event_id = data.draw(st.sampled_from(self.triggers))
        assert self.apply(raise_help(event_id, now=self.now, directory=self.directory)) == []

    @rule()
    def what_is_due_fires_and_fires_again(self) -> None:
        for deadline in self.due():
            command = command_for(deadline, self.directory, self.now)
            assert self.apply(command) != []
            assert self.apply(command) == []

    @rule()
    def what_is_early_or_over_fires_and_nothing_follows(self) -> None:
        for deadline in self.not_due():
            assert self.apply(command_for(deadline, self.directory, self.now)) == []

    @precondition(lambda self: self.episode.open and self.episode.owner is None)
    @rule(by=st.sampled_from((SUE, HEIDI)))
    def somebody_takes_it(self, by: str) -> None:
        taken = self.apply(acknowledge(by, self.now, escalation_id=self.episode.escalation_id))
        assert [type(event) for event in taken] == [EscalationAcknowledged]

    @rule(
        by=st.sampled_from(PEOPLE),
        act=st.sampled_from((acknowledge, resolve, stand_down)),
        old_link=st.booleans(),
        missed=st.sampled_from((0, 0, 1, 2)),
    )
    def somebody_acts(self, by: str, act: Act, *, old_link: bool, missed: int) -> None:
        seen = max(self.episode.triggers - missed, 0)
        free = self.episode.free_to(seen)
        expected: str | None = None
        if old_link or not self.episode.open:
            expected = "not_open"
        elif by == WALT:
            expected = "own_escalation"
        elif act is acknowledge and self.episode.owner not in {None, by} and not free:
            expected = "already_acknowledged"
        elif act is not acknowledge and seen < self.episode.triggers:
            expected = "changed_since"
        before = self.episode.previous_id if old_link else self.episode.escalation_id
        refused: str | None = None
        try:
            for event in self.apply(act(by, self.now, escalation_id=before, seen=seen)):
                assert not isinstance(event, EscalationAcknowledged) or set(event.ladders) == free
        except Rejected as refusal:
            refused = refusal.code
        assert refused == expected

    @precondition(lambda self: self.episode.open)
    @rule()
    def nobody_answers_for_long(self) -> None:
        rounds = 0
        for _ in range(30):
            self.now = max(self.now, min(deadline.due_at for deadline in self.deadlines()))
            for deadline in self.due():
                followed = self.apply(command_for(deadline, self.directory, self.now))
                rounds += sum(isinstance(event, EscalationExhausted) for event in followed)
        assert rounds >= 3

    # What must hold

    @invariant()
    def an_open_escalation_always_has_its_deadlines_and_a_closed_one_none(self) -> None:
        running = set(self.episode.ladders) - self.episode.stopped if self.episode.open else set()
        kinds = [deadline.kind for deadline in self.deadlines()]
        turns = {int(deadline.subject.split(".")[1]) for deadline in self.deadlines() if deadline.kind == "step"}
        assert turns == running
        assert kinds.count("acknowledgement") == (self.episode.open and self.episode.owner is not None)
        assert bool(kinds) == self.episode.open

    def teardown(self) -> None:
        """Fold what was folded event by event in two pieces, as read back from the wire."""
        read = [type(event).model_validate_json(event.model_dump_json()) for event in self.events]
        half = len(read) // 2
        assert ESCALATION.fold(read[half:], ESCALATION.fold(read[:half])) == self.state

    # The model's books

    def new_trigger(self) -> str:
        self.triggers.append(f"trigger{len(self.triggers)}")
        return self.triggers[-1]

    def deadlines(self) -> list[Deadline]:
        return list(ESCALATION.deadlines(self.state))

    def due(self) -> list[Deadline]:
        return [deadline for deadline in self.deadlines() if deadline.due_at <= self.now]

    def not_due(self) -> list[Deadline]:
        due = {(deadline.kind, deadline.subject) for deadline in self.due()}
        return sorted(seen for seen in self.deadlines_seen if (seen.kind, seen.subject) not in due)

    def apply(self, command: Command) -> list[Event]:
        events = list(ESCALATION.decide(command, self.state))
        for event in events:
            self.check(event)
            self.events.append(event)
            self.state = ESCALATION.evolve(self.state, event)
        self.deadlines_seen.update(self.deadlines())
        return events

    def trigger_comes(self, command: Raise) -> None:
        was_open, ladders = self.episode.open, len(self.episode.ladders)
        graver = was_open and GRAVITY[command.trigger] > self.episode.gravity
        first, *turns = self.apply(command)
        assert isinstance(first, EscalationJoined if was_open else EscalationOpened)
        assert first.ladder_no == (ladders + 1 if graver else None if was_open else 1)
        assert bool(turns) == (first.ladder_no is not None)

    def check(self, event: Event) -> None:
        asks: tuple[Ask, ...] = getattr(event, "asks", ())
        asked = {ask.worker_id for ask in asks}
        new_ids = {ask.notification_id for ask in asks}
        assert len(asked) == len(new_ids) == len(asks), "nobody is asked twice at once"
        assert not new_ids & self.notification_ids, "a notification id is unique for ever"
        assert WALT not in asked, "the worker in danger is never asked"
        self.notification_ids |= new_ids
        assert self.episode.open != isinstance(event, EscalationOpened)
        if isinstance(event, EscalationOpened):
            self.episode = Episode(event.escalation_id, previous_id=self.episode.escalation_id)
        self.episode.follow(event, asked, self.directory, self.now)
        self.episode.informed |= asked


TestEscalationHistories = EscalationHistories.TestCase
TestEscalationHistories.settings = settings(max_examples=200, stateful_step_count=40)
