"""Random histories of one visit, beside a model: is it started, until when is a check-in awaited, was it missed.

Whatever order commands, clock and escalations come in: the watch over a started visit never stops unnoticed, and what is
awaited beside check-ins is told of once for what was agreed, and never after it has come.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.checkin.domain import (
    VISIT,
    AskForHelp,
    CancelVisit,
    CheckIn,
    EndVisit,
    ExtendVisit,
    MarkCheckInMissed,
    RemindWorker,
    ReportVisit,
    ResumeWatch,
    VisitCommand,
    command_of,
)
from shared.contracts.awaited import (
    ApprovalOverdue,
    CheckInMissed,
    EndOverdue,
    ReminderDue,
    ReportOverdue,
    StartOverdue,
    WatchResumed,
)
from shared.contracts.base import Event
from shared.contracts.policy import Awaits
from shared.contracts.visits import (
    CheckInRecorded,
    LateCheckInRecorded,
    VisitApproved,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitHelpRequested,
    VisitRefused,
    VisitReported,
    VisitStarted,
)
from shared.decider import Rejected
from tests.unit.checkin.examples import (
    ASSESSMENT_1,
    AWAITS,
    END,
    GRACE,
    INTERVAL,
    MINUTE,
    POLICY_1,
    REMIND_BEFORE,
    SECOND,
    T0,
    approve,
    but,
    plan,
    refuse,
    start,
)

GOOD = but(ASSESSMENT_1, valid_until_at=END + timedelta(days=30))
"""An assessment that outlasts every history here, so that a visit can start late."""

WAITS = st.sampled_from((timedelta(microseconds=1), SECOND, MINUTE, 4 * MINUTE, 17 * MINUTE, 45 * MINUTE, 130 * MINUTE))
"""From the least that the log tells apart to more than any interval."""

AROUND = st.sampled_from((-SECOND, timedelta(0), timedelta(microseconds=1), SECOND))
"""Instants around a deadline, where an error of one would show."""

INTERVALS = st.sampled_from((REMIND_BEFORE / 2, REMIND_BEFORE, 25 * MINUTE, INTERVAL))
"""Agreed intervals: below, at and above the time of the earlier reminder."""

AWAITED_HERE = st.sampled_from((Awaits(), AWAITS, AWAITS, Awaits(end=AWAITS.end), Awaits(report=AWAITS.report)))
"""Of what a policy awaits: nothing beside check-ins, everything, one thing alone."""

OF_CHECK_INS = {"check_in_missed", "reminder_before", "reminder_at"}
STAGE_OF = {"approval": "planned", "start": "approved", "end": "started", "report": "ended"}
"""What is awaited at which stage of a visit."""

Armed = VisitStarted | CheckInRecorded | VisitExtended | WatchResumed


class VisitMachine(RuleBasedStateMachine):
    """One visit through any history, and what must hold at every point of it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0 - 20 * MINUTE
        self.state = VISIT.initial
        self.history: list[Event] = []
        self.interval = INTERVAL
        # The model: what must be so, told by the events alone.
        self.awaited_at: datetime | None = None
        self.missed = False
        self.ended = False
        self.dues: list[datetime] = []
        self.awaits = Awaits()
        self.stage = "planned"
        self.end_at = END
        self.told: set[tuple[str, datetime]] = set()
        self.reported = False

    def send(self, command: VisitCommand) -> list[Event] | None:
        """Send a command, apply its events and compare with the model; None where it is refused."""
        before = deepcopy(self.state)
        try:
            events = list(VISIT.decide(command, self.state))
        except Rejected:
            assert self.state == before
            return None
        assert self.state == before, "decide changed the state"
        assert list(VISIT.decide(command, self.state)) == events, (
            "the same command on the same state gave another answer"
        )
        for event in events:
            self.follow(event)
            self.history.append(event)
            self.state = VISIT.evolve(self.state, event)
        assert VISIT.fold(events, before) == self.state
        return events

    def follow(self, event: Event) -> None:
        """Move the model on, and judge the event by it."""
        stopped = self.missed
        if isinstance(event, CheckInRecorded):
            assert (event.met_due_at, self.missed) == (self.awaited_at, False)
            assert self.now <= event.met_due_at + GRACE, "in time is what comes within the grace, whoever looks first"
        if isinstance(event, Armed) and event.due_at is not None:
            assert self.now < event.due_at <= self.now + self.interval
            assert self.awaited_at is None or self.missed or self.now <= self.awaited_at + GRACE, "put off past its end"
            self.awaited_at, self.missed = event.due_at, False
            self.dues.append(event.due_at)
        if isinstance(event, CheckInMissed):
            assert (event.due_at, self.missed, self.ended) == (self.awaited_at, False, False)
            assert self.now > event.missed_at == event.due_at + GRACE
            self.missed = True
        if isinstance(event, LateCheckInRecorded):
            assert (event.missed_due_at, self.missed) == (self.awaited_at, True)
        if isinstance(event, WatchResumed):
            assert stopped, "a watch that never stopped is not put off"
        if isinstance(event, ReminderDue) and event.occasion in {"before", "at"}:
            assert (event.occasion == "at") == (self.now >= event.due_at)
        self.follow_awaited(event)
        if isinstance(event, VisitEnded):
            assert self.missed or (self.awaited_at and self.now <= self.awaited_at + GRACE), "ended past a miss"
            self.ended = True

    def follow_awaited(self, event: Event) -> None:
        """Move the model on in what is awaited beside check-ins."""
        match event:
            case VisitApproved() | VisitRefused() | VisitCancelled() | VisitStarted() | VisitEnded():
                self.stage = event.type.split(".")[1]
            case VisitExtended():
                self.end_at = event.expected_end_at
            case VisitReported():
                assert self.stage == "ended"
                self.reported = True
            case ReminderDue(occasion="start" | "end" | "report" as occasion, due_at=agreed_at):
                self.tell(f"reminder_{occasion}", agreed_at)
            case ApprovalOverdue() | StartOverdue() | ReportOverdue():
                assert self.now > event.due_at
                self.tell(event.type.split(".")[1], event.due_at)
            case EndOverdue():
                assert self.now > event.due_at > event.expected_end_at == self.end_at
                self.tell("end_overdue", event.expected_end_at)

    def tell(self, kind: str, agreed_at: datetime) -> None:
        """Note that somebody was told of something awaited, which must be awaited now, and only once."""
        assert (kind, agreed_at) not in self.told, "told of the same twice"
        assert self.stage == STAGE_OF[kind.removesuffix("_overdue").removeprefix("reminder_")]
        assert not self.reported
        self.told.add((kind, agreed_at))

    @property
    def watched(self) -> bool:
        """What the model says: a check-in is awaited."""
        return self.awaited_at is not None and not self.missed and not self.ended

    # ----------------------------------------------------------------------------------------------- what may happen

    @initialize(interval=INTERVALS, under_way=st.sampled_from((True, True, True, False)), awaits=AWAITED_HERE)
    def planned(self, interval: timedelta, under_way: bool, awaits: Awaits) -> None:  # noqa: FBT001 -- drawn
        self.interval, self.awaits = interval, awaits
        policy = POLICY_1.model_copy(update={"awaits": awaits})
        assert self.send(plan(interval=interval, policy=policy, now=self.now))
        if under_way:
            assert self.send(approve(now=self.now))
            assert self.send(start(policy=POLICY_1, assessment=GOOD, now=self.now))

    @rule(span=WAITS)
    def time_passes(self, span: timedelta) -> None:
        self.now += span

    @precondition(lambda self: bool(VISIT.deadlines(self.state)))
    @rule(data=st.data(), offset=AROUND)
    def time_passes_to_a_deadline(self, data: st.DataObject, offset: timedelta) -> None:
        deadline = data.draw(st.sampled_from(list(VISIT.deadlines(self.state))))
        self.now = max(self.now, deadline.due_at + offset)

    @rule()
    def somebody_approves(self) -> None:
        self.send(approve(assessment=GOOD, now=self.now))

    @precondition(lambda self: self.awaited_at is None)
    @rule()
    def somebody_refuses(self) -> None:
        self.send(refuse(now=self.now))

    @precondition(lambda self: self.awaited_at is None)
    @rule()
    def somebody_cancels(self) -> None:
        self.send(CancelVisit("called_off", self.now))

    @rule()
    def the_worker_starts(self) -> None:
        self.send(start(assessment=GOOD, now=self.now))

    @rule()
    def the_worker_checks_in(self) -> None:
        events = self.send(CheckIn(self.now))
        assert (events is not None) == (self.awaited_at is not None and not self.ended)

    @rule(by=WAITS)
    def the_worker_extends(self, by: timedelta) -> None:
        events = self.send(ExtendVisit(self.now + by, self.now))
        assert (events is not None) == (self.awaited_at is not None and not self.ended)

    @rule()
    def the_worker_asks_for_help(self) -> None:
        before = self.state
        events = self.send(AskForHelp(None, self.now))
        assert events is not None
        assert [type(event) for event in events] == [VisitHelpRequested]
        assert self.state == before

    @precondition(lambda self: len(self.dues) > 2)
    @rule()
    def the_worker_ends(self) -> None:
        self.send(EndVisit("completed", self.now))

    @rule()
    def somebody_reports(self) -> None:
        events = self.send(ReportVisit("anna", "well", None, self.now))
        assert (events is not None) == self.ended

    @rule(episode=st.integers(1, 6))
    def an_escalation_ends(self, episode: int) -> None:
        command = ResumeWatch(f"visit1.{episode}", self.now)
        assert self.send(command) is not None
        assert self.send(command) == []

    @rule()
    def the_clock_looks(self) -> None:
        for deadline in sorted(VISIT.deadlines(self.state), key=lambda found: found.due_at):
            if deadline not in VISIT.deadlines(self.state):
                continue  # an earlier one took it away
            command = command_of(deadline, self.now)
            if deadline.due_at < self.now:
                assert len(self.send(command) or []) == 1, "a deadline that is due must not stand still"
                assert deadline not in VISIT.deadlines(self.state)
            assert self.send(command) == []

    @precondition(lambda self: self.dues)
    @rule(data=st.data())
    def a_slow_clock_asks_about_an_earlier_check_in(self, data: st.DataObject) -> None:
        due_at = data.draw(st.sampled_from(self.dues))
        if not self.watched or due_at != self.awaited_at:
            assert self.send(MarkCheckInMissed(due_at, self.now)) == []
            assert self.send(RemindWorker("before", due_at, self.now)) == []
            assert self.send(RemindWorker("at", due_at, self.now)) == []

    # ------------------------------------------------------------------------------------------------ what must hold

    @invariant()
    def a_started_visit_has_a_deadline_or_a_recorded_miss(self) -> None:
        kinds = [deadline.kind for deadline in VISIT.deadlines(self.state) if deadline.kind in OF_CHECK_INS]
        assert kinds.count("check_in_missed") == (1 if self.watched else 0)
        if self.awaited_at is not None and not self.ended and not self.missed:
            [deadline] = [found for found in VISIT.deadlines(self.state) if found.kind == "check_in_missed"]
            assert deadline.due_at == self.awaited_at + GRACE
        if not self.watched:
            assert kinds == []

    @invariant()
    def the_state_says_what_the_model_says(self) -> None:
        assert self.state.watched == self.watched
        assert (self.state.status == "ended") == self.ended
        assert self.state.due_at == (None if self.ended else self.awaited_at)

    @invariant()
    def what_is_awaited_and_was_not_told_has_a_deadline(self) -> None:
        kinds = {deadline.kind for deadline in VISIT.deadlines(self.state)} - OF_CHECK_INS
        awaited = {what for what, stage in STAGE_OF.items() if stage == self.stage and not self.reported}
        expected = {
            kind
            for what in awaited
            if getattr(self.awaits, what)
            for kind in ({"approval_overdue"} if what == "approval" else {f"reminder_{what}", f"{what}_overdue"})
            if not any(told == kind and (what != "end" or at == self.end_at) for told, at in self.told)
        }
        assert kinds == expected

    @invariant()
    def no_deadline_has_the_name_of_another(self) -> None:
        found = [(deadline.kind, deadline.subject) for deadline in VISIT.deadlines(self.state)]
        assert len(set(found)) == len(found)

    @invariant()
    def a_reminder_comes_before_the_check_in_that_it_is_for(self) -> None:
        for deadline in VISIT.deadlines(self.state):
            if deadline.kind not in OF_CHECK_INS:
                continue
            due_at = datetime.fromisoformat(deadline.subject)
            early = {"check_in_missed": -GRACE, "reminder_at": timedelta(0), "reminder_before": REMIND_BEFORE}
            assert deadline.due_at == due_at - early[deadline.kind]
            if deadline.kind == "reminder_before" and due_at != self.state.expected_end_at:
                assert deadline.due_at > due_at - self.interval, "due before the check-in that armed it"

    def teardown(self) -> None:
        """Compare what the whole history says: in one, in two pieces, event by event, and read back from the wire."""
        assert VISIT.fold(self.history) == self.state
        for cut in range(len(self.history)):
            assert VISIT.fold(self.history[cut:], VISIT.fold(self.history[:cut])) == self.state
        wire = [type(event).model_validate_json(event.model_dump_json()) for event in self.history]
        assert VISIT.fold(wire) == self.state
        assert VISIT.deadlines(VISIT.fold(wire)) == VISIT.deadlines(self.state)
        reminders = [event.reminder_id for event in self.history if isinstance(event, ReminderDue)]
        assert len(set(reminders)) == len(reminders)
        missed = [event.due_at for event in self.history if isinstance(event, CheckInMissed)]
        assert len(set(missed)) == len(missed), "one deadline was missed twice"


VisitMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestVisitMachine = VisitMachine.TestCase
