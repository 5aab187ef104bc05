"""The ceiling on calls to one person: what it bounds, what it never puts off, and what it does not count."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain import NEWEST, RECIPIENT, CallRecipient, Recipient
from services.notifier.domain.recipient import FEW, GAP, LONG_GAP, WITHIN
from shared.contracts.notifications import RecipientAttemptStarted
from shared.contracts.visits import Channel
from tests.unit.notifier.examples import SECOND, T0

MOST = 34
"""Calls to one person by one channel in a minute."""

ASKED = st.lists(st.tuples(st.integers(0, 3000), st.booleans(), st.booleans()), max_size=120)
"""Milliseconds since whoever asked before, whether it is a repeat, and whether an exhausted ladder asks."""


def call(offset: timedelta, attempt: int = 1, channel: Channel = "mail", *, floor: bool = False) -> CallRecipient:
    return CallRecipient("anna", "m1", ("v1.1.1",), attempt, channel, floor, T0 + offset)


def called(*offsets: timedelta, channel: Channel = "mail") -> Recipient:
    """Return somebody who was called then."""
    return Recipient(
        tuple(
            RecipientAttemptStarted(
                recipient_id="anna",
                message_id=f"m{number}",
                notification_ids=("v1.1.1",),
                attempt=1,
                channel=channel,
                started_at=T0 + offset,
            )
            for number, offset in enumerate(offsets)
        )
    )


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@given(ASKED)
def test_whatever_is_asked_nobody_is_called_more_than_thirty_four_times_in_any_minute(
    asked: list[tuple[int, bool, bool]],
) -> None:
    state, offset = Recipient(), timedelta()
    started: list[RecipientAttemptStarted] = []
    for milliseconds, repeat, floor in asked:
        offset += timedelta(milliseconds=milliseconds)
        before = [entry for entry in started if entry.started_at and entry.started_at > T0 + offset - WITHIN]
        events = RECIPIENT.decide(call(offset, 2 if repeat else 1, floor=floor), state)
        started += events
        state = RECIPIENT.fold(events, state)
        assert len(before) + len(events) <= MOST
        assert not (events and repeat and not floor and len(before) >= FEW), "a repeat waits while there are many"


@given(ASKED)
def test_something_new_may_start_two_seconds_after_the_last_call_at_the_latest(
    asked: list[tuple[int, bool, bool]],
) -> None:
    state, offset, last = Recipient(), timedelta(), None
    for milliseconds, repeat, floor in asked:
        offset += timedelta(milliseconds=milliseconds)
        may_start_at = state.may_start_at("mail", T0 + offset, repeat=False)
        assert may_start_at <= max(T0 + offset, (last or T0) + LONG_GAP)
        assert last is not None or may_start_at == T0 + offset, "the first call starts at once"
        events = RECIPIENT.decide(call(offset, 2 if repeat else 1, floor=floor), state)
        state = RECIPIENT.fold(events, state)
        last = events[0].started_at if events else last


@given(ASKED)
def test_what_is_started_when_it_may_be_is_never_refused(asked: list[tuple[int, bool, bool]]) -> None:
    state, offset = Recipient(), timedelta()
    for milliseconds, repeat, floor in asked:
        offset += timedelta(milliseconds=milliseconds)
        at = state.may_start_at("mail", T0 + offset, repeat=repeat, floor=floor)
        offset = at - T0
        events = RECIPIENT.decide(call(offset, 2 if repeat else 1, floor=floor), state)
        assert len(events) == 1
        state = RECIPIENT.fold(events, state)


def test_the_entry_says_what_the_call_carries_and_when_it_started() -> None:
    command = CallRecipient("anna", "bundle-1", ("v1.1.1", "v2.1.1"), 1, "webhook", floor=False, now=T0)
    assert RECIPIENT.decide(command, Recipient()) == [
        RecipientAttemptStarted(
            recipient_id="anna",
            message_id="bundle-1",
            notification_ids=("v1.1.1", "v2.1.1"),
            attempt=1,
            channel="webhook",
            started_at=T0,
        )
    ]


def test_a_second_call_waits_a_second_and_so_collects_what_comes_meanwhile() -> None:
    state = called(after(0))
    assert RECIPIENT.decide(call(GAP - after(0.001)), state) == []
    assert state.may_start_at("mail", T0, repeat=False) == T0 + GAP
    assert RECIPIENT.decide(call(GAP), state) != []


def test_above_eight_calls_in_a_minute_the_next_one_waits_two_seconds() -> None:
    state = called(*(after(number) for number in range(FEW)))
    assert state.may_start_at("mail", T0 + after(7), repeat=False) == T0 + after(7) + LONG_GAP


def test_a_repeat_waits_until_fewer_than_eight_calls_were_made_in_the_last_minute() -> None:
    state = called(*(after(number) for number in range(FEW + 2)))
    assert state.may_start_at("mail", T0 + after(20), repeat=True) == T0 + after(2) + WITHIN


def test_the_repeats_of_an_exhausted_ladder_wait_for_the_gap_alone() -> None:
    state = called(*(after(number) for number in range(FEW + 2)))
    assert RECIPIENT.decide(call(after(20), 2, floor=True), state) != []


def test_another_channel_has_a_ceiling_of_its_own() -> None:
    assert RECIPIENT.decide(call(after(0), channel="webhook"), called(after(0))) != []


@pytest.mark.parametrize("ahead", [after(60), timedelta(days=365)])
def test_a_call_of_a_clock_that_was_set_back_silences_nobody(ahead: timedelta) -> None:
    assert called(ahead).may_start_at("mail", T0, repeat=False) == T0


def test_calls_of_the_first_release_which_have_no_time_are_not_counted() -> None:
    entry = called(after(0)).calls[0].model_copy(update={"started_at": None})
    assert Recipient((entry,)).may_start_at("mail", T0, repeat=True) == T0


def test_only_the_newest_calls_are_kept_which_are_more_than_a_minute_can_hold() -> None:
    entries = called(*(SECOND * number for number in range(NEWEST + 5))).calls
    state = RECIPIENT.fold(entries)
    assert state.calls == entries[5:]
    assert NEWEST > 2 * MOST


def test_what_a_call_carried_is_that_of_the_newest_with_its_id() -> None:
    state = called(after(0), after(5))
    assert state.carried("m1") == ("v1.1.1",)
    assert state.carried("of long ago") == ()
