"""Random histories of escalations: whatever comes in whatever order, these things hold.

Triggers, passing time, deadlines that fire due, twice, early and stale, people who act, who take tasks and say what came
of them, who cannot be reached, and who come and go; and what was awaited and comes after all.
The model keeps its own books (``books``) and asks the domain's state for nothing but its deadlines.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.escalation.domain import (
    ESCALATION,
    Command,
    Directory,
    Lapse,
    PersonNotReached,
    Raise,
    Resolve,
    TaskNo,
    command_for,
)
from shared.contracts.asks import Ask
from shared.contracts.base import Event
from shared.contracts.escalations import (
    EscalationAcknowledged,
    EscalationExhausted,
    EscalationJoined,
    EscalationLapsed,
    EscalationOpened,
    StepReachedNobody,
)
from shared.contracts.ladders import AWAITED, GRAVITY, Ladder, Outcome, Step, Trigger
from shared.contracts.roles import RESPONDERS, Role
from shared.contracts.tasks import TaskPassedOn, TaskTaken
from shared.decider import Deadline, Rejected
from tests.unit.escalation.books import Episode, LadderBook, TaskBook
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
from tests.unit.escalation.task_examples import (
    DURESS,
    SAFEGUARDING,
    TASKS,
    do,
    give_back,
    hand_over,
    outcome,
    take,
    task_step,
    trigger,
)

PEOPLE = (WALT, SUE, SAM, LIZ, HEIDI)
ROLES = (Role.WORKER, Role.SUPERVISOR, Role.LINE_MANAGER, Role.HEAD_OF_PROVISION, Role.AUDITOR)
UNHELD = ladder("help", step("a role that nobody holds", Role.DSL, wait=MINUTE), *MISSED.steps, lasts=3 * MINUTE)
GRANTS = st.frozensets(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(ROLES)))
SPANS = st.sampled_from((SECOND, MINUTE, 3 * MINUTE, 6 * MINUTE, 25 * MINUTE))
EVERYONE = frozenset((worker, role) for role, workers in DIRECTORY.holders.items() for worker in workers)
MOST_OF_THEM = st.frozensets(st.sampled_from(sorted(EVERYONE)), max_size=2).map(lambda away: EVERYONE - away)
OTHERS = (HELP, UNHELD, MISSED, TASKS, None)
KEYS = ("one", "two", "three", "four", "five")
LEADS = st.sampled_from((*KEYS, "next", "nowhere", None))
WHO = st.lists(st.sampled_from(ROLES), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def steps_with_tasks(draw: st.DrawFn, key: str) -> Step:
    """Draw a step that tells people or a task, leading wherever."""
    who, wait = draw(WHO), draw(SPANS)
    then = draw(st.sampled_from((None, None, "exhausted", "nowhere", *KEYS)))
    if draw(st.sampled_from((True, False, False))):
        return step(key, *who, wait=wait).model_copy(update={"key": key, "then": then})
    outcomes: list[Outcome] = [outcome("safe", "resolved", how="spoke_with_worker"), outcome("in_hand", "acknowledged")]
    outcomes += [outcome("leads", draw(LEADS), after=draw(st.sampled_from((None, MINUTE, 6 * MINUTE))))]
    outcomes += [outcome("leads_too", draw(LEADS)), outcome("code_word", draw(LEADS), raises="duress")]
    return task_step(key, *outcomes, who=who, wait=wait, then=then)


LADDERS = st.integers(1, len(KEYS)).flatmap(
    lambda n: st.tuples(*(steps_with_tasks(key) for key in KEYS[:n])).map(
        lambda steps: ladder("check_in_missed", *steps)
    )
)


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
        self.triggers = 0
        self.raised: set[str] = set()
        self.directory = DIRECTORY

    # What happens

    @rule(grants=st.one_of(MOST_OF_THEM, GRANTS))
    def people_come_and_go(self, grants: frozenset[tuple[str, Role]]) -> None:
        held = sorted(grants)
        holders = {role: tuple(worker for worker, its in held if its == role) for role in ROLES}
        everyone = tuple(dict.fromkeys(worker for worker, role in held if role in RESPONDERS))
        self.directory = Directory(holders, everyone)

    @rule(span=SPANS)
    def time_passes(self, span: timedelta) -> None:
        self.now += span

    @initialize(by=st.one_of(st.just(TASKS), LADDERS))
    def a_check_in_is_missed_and_somebody_has_a_task(self, by: Ladder) -> None:
        self.trigger_comes(raise_missed(self.new_trigger(), now=self.now, ladder=by, directory=self.directory))

    @rule(name=st.sampled_from(sorted(set(GRAVITY) - {"system"})), by=st.one_of(st.sampled_from(OTHERS), LADDERS))
    def something_comes(self, name: Trigger, by: Ladder | None) -> None:
        event_id = self.new_trigger()
        if name in AWAITED:
            self.trigger_comes(raise_awaited(name, event_id, now=self.now, directory=self.directory))
        elif name == "trouble":
            self.trigger_comes(raise_trouble(event_id, now=self.now, directory=self.directory))
        else:
            own = {"safeguarding": SAFEGUARDING, "duress": DURESS}.get(name, by)
            command = raise_help(event_id, now=self.now, ladder=own, directory=self.directory)
            self.trigger_comes(replace(command, trigger=name))

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
        expected = [
            self.after_nobody_was_reached(book)
            for book in self.episode.ladders.values()
            if self.episode.open and book.runs and notification_id in book.asked <= self.unreached
        ]
        command = PersonNotReached(notification_id, frozenset(self.unreached), self.directory, self.now)
        assert [type(event) for event in self.apply(command)] == [kind for kind in expected if kind]
        assert self.apply(command) == []

    def after_nobody_was_reached(self, book: LadderBook) -> type[Event] | None:
        """What follows where nobody of a step could be told."""
        task = book.tasks.get(book.last)
        if task and (task.holder or task.done):
            return None
        return TaskPassedOn if task and task.next_offer(self.directory) else StepReachedNobody

    @precondition(lambda self: self.raised)
    @rule(data=st.data())
    def a_trigger_is_delivered_again(self, data: st.DataObject) -> None:
        event_id = data.draw(st.sampled_from(sorted(self.raised)))
        assert self.apply(raise_help(event_id, now=self.now, directory=self.directory)) == []

    @rule(backwards=st.booleans())
    def what_is_due_fires_and_fires_again(self, *, backwards: bool) -> None:
        for deadline in sorted(self.due(), reverse=backwards):
            still = deadline in self.deadlines()
            command = command_for(deadline, self.directory, self.now)
            assert bool(self.apply(command)) == still
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
        how=st.sampled_from(("spoke_with_worker", "met_in_person")),
        old_link=st.booleans(),
        missed=st.sampled_from((0, 0, 1, 2)),
    )
    def somebody_acts(self, by: str, act: Act, how: str, *, old_link: bool, missed: int) -> None:
        seen = max(self.episode.triggers - missed, 0)
        free = self.episode.free_to(seen)
        expected: str | None = None
        if old_link or not self.episode.open:
            expected = "not_open"
        elif by == WALT:
            expected = "own_escalation"
        elif act is acknowledge and self.episode.owner not in {None, by} and not free:
            expected = "already_acknowledged"
        elif act is resolve and how == "spoke_with_worker" and self.episode.under_duress:
            expected = "face_to_face"
        elif act is not acknowledge and seen < self.episode.triggers:
            expected = "changed_since"
        before = self.episode.previous_id if old_link else self.episode.escalation_id
        command = act(by, self.now, escalation_id=before, seen=seen)
        events = self.try_to(replace(command, how=how) if isinstance(command, Resolve) else command, expected)
        assert all(set(event.ladders) == free for event in events if isinstance(event, EscalationAcknowledged))

    @rule(data=st.data())
    def somebody_takes_a_task(self, data: st.DataObject) -> None:
        by, number, book, task = self.some_task(data)
        expected = self.refused_to(by, task) or over(book, task)
        if task and task.holder not in {None, by} and task.handed_to != by:
            expected = expected or "task_taken"
        theirs = task is not None and task.holder == by
        events = self.try_to(take(by, self.now, number, escalation_id=self.episode.escalation_id), expected)
        assert [type(event) for event in events] == ([] if expected or theirs else [TaskTaken])

    @rule(data=st.data(), to=st.sampled_from((*PEOPLE, "stranger")))
    def somebody_hands_a_task_over(self, data: st.DataObject, to: str) -> None:
        by, number, book, task = self.some_task(data)
        expected = self.refused_to(by, task) or over(book, task) or not_theirs(by, task)
        expected = expected or ("handed_to_worker" if to == WALT else None)
        expected = expected or ("not_a_responder_here" if to not in self.directory.everyone else None)
        command = hand_over(by, to, self.now, number, directory=self.directory)
        self.try_to(replace(command, escalation_id=self.episode.escalation_id), expected)

    @rule(data=st.data())
    def somebody_gives_a_task_back(self, data: st.DataObject) -> None:
        by, number, book, task = self.some_task(data)
        expected = self.refused_to(by, task) or over(book, task) or not_theirs(by, task)
        command = give_back(by, self.now, number, directory=self.directory)
        self.try_to(replace(command, escalation_id=self.episode.escalation_id), expected)

    @rule(data=st.data(), missed=st.sampled_from((0, 0, 1)), with_ladder=st.booleans())
    def somebody_says_what_came_of_a_task(self, data: st.DataObject, missed: int, *, with_ladder: bool) -> None:
        by, number, book, task = self.some_task(data)
        codes = [it.code for it in task.rule.outcomes] if task else []
        code = data.draw(st.sampled_from((*codes, "met_a_bear")))
        outcome = task.rule.outcome(code) if task else None
        raised = self.reported(outcome.raises, DURESS) if outcome and outcome.raises and with_ladder else None
        seen = max(self.episode.triggers - missed, 0)
        command = do(by, code, self.now, number, seen=seen, raised=raised, escalation_id=self.episode.escalation_id)
        command = replace(command, directory=self.directory)
        expected = self.refused_to(by, task) or (None if outcome else "outcome_unknown")
        if outcome and not expected:
            expected = self.refused_outcome(by, seen, outcome, book, task)
        if raised and by != WALT and not self.episode.open:
            expected = None  # what is a trigger opens a new episode
        repeated = task is not None and task.done is not None and (task.done.by, task.done.outcome) == (by, code)
        raises = outcome is not None and outcome.raises is not None and not repeated
        event_id = raised.trigger_event_id if raised else f"{self.episode.escalation_id}.{number}.{code}"
        known = event_id in self.raised
        events = self.try_to(command, expected)
        came = [it for it in events if isinstance(it, EscalationOpened | EscalationJoined)]
        assert [it.trigger_event_id for it in came] == ([event_id] if raises and not expected and not known else [])
        if repeated and self.episode.open:
            assert events == []

    def refused_outcome(
        self, by: str, seen: int, outcome: Outcome, book: LadderBook | None, task: TaskBook | None
    ) -> str | None:
        """Say why what came of a task is refused."""
        if book is None or task is None or (task.done and (task.done.by, task.done.outcome) == (by, outcome.code)):
            return None
        if outcome.raises is None and task.done:
            return "task_done"
        if outcome.raises is None and task.holder not in {None, by}:
            return "task_taken"
        if outcome.raises is None and book.silenced:
            return "task_stopped"
        if outcome.raises is not None:
            return None
        if outcome.records:
            return "fact_missing"
        if outcome.leads_to == "resolved" and outcome.how == "spoke_with_worker" and self.episode.under_duress:
            return "face_to_face"
        late = seen < self.episode.triggers
        return "changed_since" if outcome.leads_to == "resolved" and late else None

    # What must hold

    @invariant()
    def an_open_escalation_always_has_its_deadlines_and_a_closed_one_none(self) -> None:
        running = self.episode.running if self.episode.open else set()
        kinds = [deadline.kind for deadline in self.deadlines()]
        turns = {int(deadline.subject.split(".")[1]) for deadline in self.deadlines() if deadline.kind == "step"}
        assert turns == running
        assert kinds.count("acknowledgement") == (self.episode.open and self.episode.owner is not None)
        assert bool(kinds) == self.episode.open

    @invariant()
    def each_ladder_that_runs_goes_on_where_and_when_was_set_and_its_task_passes_on_before(self) -> None:
        for deadline in self.deadlines():
            numbers = [int(part) for part in deadline.subject.split(".")]
            if deadline.kind == "step":
                book = self.episode.ladders[numbers[1]]
                assert (numbers[2], deadline.due_at) == (book.turn, book.latest)
            elif deadline.kind == "task":
                book = self.episode.ladders[numbers[1]]
                assert book.runs
                assert book.open_task is book.tasks[numbers[2]]
                assert book.latest is not None
                assert deadline.due_at < book.latest

    def teardown(self) -> None:
        """Let nobody answer for long; then fold what was folded event by event in two pieces, as read from the wire."""
        self.nobody_answers_for_long()
        read = [type(event).model_validate_json(event.model_dump_json()) for event in self.events]
        half = len(read) // 2
        assert ESCALATION.fold(read[half:], ESCALATION.fold(read[:half])) == self.state

    def nobody_answers_for_long(self) -> None:
        rounds = 0
        while self.episode.open and rounds < 3:
            self.now = max(self.now, min(deadline.due_at for deadline in self.deadlines()))
            assert self.now < T0 + timedelta(days=1), "it is exhausted in time, and never silent"
            for deadline in self.due():  # one that went with another is over, and nothing follows
                followed = self.apply(command_for(deadline, self.directory, self.now))
                rounds += sum(isinstance(event, EscalationExhausted) for event in followed)

    # The model's books

    def new_trigger(self) -> str:
        self.triggers += 1
        return f"trigger{self.triggers}"

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
        starts = was_open and self.episode.starts_a_ladder(command.trigger)
        first, *turns = self.apply(command)
        assert isinstance(first, EscalationJoined if was_open else EscalationOpened)
        assert first.ladder_no == (ladders + 1 if starts else None if was_open else 1)
        assert bool(turns) == (first.ladder_no is not None)

    def reported(self, name: Trigger, by: Ladder) -> Raise:
        return replace(trigger(name, by, event_id=self.new_trigger(), now=self.now), directory=self.directory)

    def try_to(self, command: Command, expected: str | None) -> list[Event]:
        """Let somebody do something, and see that it is refused as expected, or not at all."""
        refused: str | None = None
        events: list[Event] = []
        try:
            events = self.apply(command)
        except Rejected as refusal:
            refused = refusal.code
        assert refused == expected
        return events

    def some_task(self, data: st.DataObject) -> tuple[str, TaskNo, LadderBook | None, TaskBook | None]:
        """Draw a task, most often one that is known, and who acts on it, most often whoever has it to do."""
        books = self.episode.ladders
        known = [TaskNo(no, step) for no, book in books.items() for step in book.tasks]
        number = data.draw(st.sampled_from((*known, TaskNo(1, 9))))
        book = books.get(number.ladder_no)
        task = book.tasks.get(number.step) if book else None
        theirs = [it for it in (task.handed_to, task.holder) if it] if task else []
        return data.draw(st.sampled_from((*theirs, *theirs, *PEOPLE))), number, book, task

    def refused_to(self, by: str, task: TaskBook | None) -> str | None:
        if not self.episode.open:
            return "not_open"
        if by == WALT:
            return "own_escalation"
        return None if task else "task_unknown"

    def check(self, event: Event) -> None:
        asks: tuple[Ask, ...] = getattr(event, "asks", ())
        asked = {ask.worker_id for ask in asks}
        new_ids = {ask.notification_id for ask in asks}
        assert len(asked) == len(new_ids) == len(asks), "nobody is asked twice at once"
        assert not new_ids & self.notification_ids, "a notification id is unique for ever"
        assert WALT not in asked, "the worker in danger is never asked"
        self.notification_ids |= new_ids
        if isinstance(event, EscalationOpened | EscalationJoined):
            self.raised.add(event.trigger_event_id)
        assert self.episode.open != isinstance(event, EscalationOpened)
        if isinstance(event, EscalationOpened):
            self.episode = Episode(event.escalation_id, previous_id=self.episode.escalation_id)
        self.episode.follow(event, asked, self.directory, self.now)
        self.episode.informed |= asked


def over(book: LadderBook | None, task: TaskBook | None) -> str | None:
    if task and task.done:
        return "task_done"
    return "task_stopped" if book and book.silenced else None


def not_theirs(by: str, task: TaskBook | None) -> str | None:
    return "not_the_holder" if task and task.holder != by else None


TestEscalationHistories = EscalationHistories.TestCase
TestEscalationHistories.settings = settings(max_examples=200, stateful_step_count=40)
