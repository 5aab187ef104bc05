"""Whatever comes in whatever order: what must hold of every notification."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.notifier.domain import ATTEMPTS, NOTIFICATION, Notification, NotificationEvent, StartAttempt
from services.notifier.domain.commands import NotificationCommand
from shared.contracts.notifications import (
    AttemptAccepted,
    AttemptFailed,
    AttemptStarted,
    AttemptUnknown,
    NotificationWithdrawn,
    NotReached,
)
from tests.unit.notifier.examples import HOOK, MAIL, POINTS, T0, accept, fail, lose, queue, reply, start, time_out

MESSAGE = st.sampled_from([MAIL, HOOK])
ATTEMPT = st.integers(1, 3)


class NotificationMachine(RuleBasedStateMachine):
    """A clock that only moves forward, a provider that does anything, and a second replica that repeats it all."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.log: list[NotificationEvent] = []
        self.state: Notification = NOTIFICATION.initial

    def do(self, command: NotificationCommand) -> list[NotificationEvent]:
        events = list(NOTIFICATION.decide(command, self.state))
        self.log += events
        self.state = NOTIFICATION.fold(events, self.state)
        return events

    @initialize(points=st.sampled_from([POINTS, POINTS[:1], ()]))
    def is_queued(self, points: tuple[object, ...]) -> None:
        self.do(queue(contact_points=points))

    @rule(seconds=st.integers(0, 70))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def the_clock_looks(self) -> None:
        for deadline in NOTIFICATION.deadlines(self.state):
            if deadline.due_at < self.now:
                command: NotificationCommand = (
                    StartAttempt(deadline.subject, None, self.now)
                    if deadline.kind == "send"
                    else time_out(deadline.subject, now=self.now)
                )
                assert self.do(command), "what is due is answered, so that no deadline stays for ever"
                assert self.do(command) == [], "and its repeat is not"

    @rule(message=MESSAGE)
    def nobody_needs_it(self, message: str) -> None:
        self.do(start(message, unwanted="acknowledged", now=self.now))

    @rule(message=MESSAGE, attempt=ATTEMPT, permanent=st.booleans())
    def the_provider_refuses(self, message: str, attempt: int, *, permanent: bool) -> None:
        self.do(fail(message, attempt, permanent=permanent, now=self.now))

    @rule(message=MESSAGE, attempt=ATTEMPT)
    def the_provider_falls_silent(self, message: str, attempt: int) -> None:
        self.do(lose(message, attempt, now=self.now))

    @rule(message=MESSAGE, attempt=ATTEMPT)
    def the_provider_accepts(self, message: str, attempt: int) -> None:
        self.do(accept(message, attempt))

    @rule(message=MESSAGE)
    def the_person_answers(self, message: str) -> None:
        if self.state.sending(message) is not None:
            self.do(reply(message))

    @invariant()
    def every_attempt_has_at_most_one_outcome_and_only_one_is_open(self) -> None:
        begun = Counter((e.message_id, e.attempt) for e in self.log if isinstance(e, AttemptStarted))
        outcome = AttemptAccepted | AttemptFailed | AttemptUnknown
        ended = Counter((e.message_id, e.attempt) for e in self.log if isinstance(e, outcome))
        assert all(count == 1 for count in (begun | ended).values())
        assert ended.keys() <= begun.keys()
        still_open = [message for message, _ in begun.keys() - ended.keys()]
        assert len(still_open) == len(set(still_open))
        watched = sorted(d.subject for d in NOTIFICATION.deadlines(self.state) if d.kind == "attempt")
        assert watched == sorted(still_open)

    @invariant()
    def attempts_are_bounded_and_end_with_the_withdrawal(self) -> None:
        assert all(sending.attempts <= ATTEMPTS for sending in self.state.sendings)
        ends = [place for place, event in enumerate(self.log) if isinstance(event, NotificationWithdrawn)]
        assert len(ends) <= 1
        assert not any(isinstance(event, AttemptStarted) for place in ends for event in self.log[place:])

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """Something still falls due, or it was taken, answered, withdrawn, or said to have reached nobody."""
        settled = any(sending.accepted or sending.answered for sending in self.state.sendings)
        said = [event for event in self.log if isinstance(event, NotReached)]
        assert len(said) <= 1
        assert NOTIFICATION.deadlines(self.state) or settled or self.state.withdrawn or said or not self.log
        assert not (said and NOTIFICATION.deadlines(self.state))

    @invariant()
    def the_same_log_gives_the_same_state(self) -> None:
        assert NOTIFICATION.fold(self.log) == self.state


TestNotificationMachine = NotificationMachine.TestCase
TestNotificationMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
