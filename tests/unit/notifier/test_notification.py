"""The rules of a notification, each as a sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from inspect import getsource
from re import findall
from typing import Any

import pytest

from services.notifier.domain import (
    ATTEMPT_LASTS,
    ATTEMPTS,
    NOTIFICATION,
    REFUSALS,
    WAITS,
    NotificationEvent,
    notification,
)
from shared.contracts.troubles import Trouble
from shared.decider import Deadline
from tests.support.given import given
from tests.unit.notifier.examples import (
    DUE,
    HOOK,
    MAIL,
    MESSAGES,
    POINTS,
    SECOND,
    T0,
    accept,
    accepted,
    fail,
    failed,
    lose,
    not_reached,
    queue,
    queued,
    replied,
    reply,
    start,
    started,
    time_out,
    unknown,
    withdrawn,
)


def test_a_person_is_told_by_every_contact_point_at_once() -> None:
    new = given(NOTIFICATION)
    assert new.when(queue()) == [queued()]
    assert new.then(queue()).deadlines == [Deadline("send", MAIL, T0), Deadline("send", HOOK, T0)]


def test_what_is_queued_says_which_task_is_offered_until_when_and_whether_duress_was_signalled() -> None:
    offered: dict[str, Any] = {"kind": "task", "task": "Ring the mobile", "passes_on_at": T0 + SECOND, "duress": True}
    assert given(NOTIFICATION).when(queue(**offered)) == [queued(**offered)]


def test_a_person_without_a_contact_point_is_not_reached_and_that_is_said() -> None:
    events = given(NOTIFICATION).when(queue(contact_points=()))
    assert [event.type for event in events] == ["notification.queued.v1", "notification.not_reached.v1"]
    assert events[1] == not_reached("no_contact_point")
    assert given(NOTIFICATION, *events).deadlines == []


def test_whoever_was_not_reached_is_named_with_the_step_that_asked() -> None:
    about = {"escalation_id": None, "kind": "reminder", "ladder_no": None, "step": None}
    _, unreached = given(NOTIFICATION).when(queue(contact_points=(), **about))
    assert unreached == not_reached("no_contact_point").model_copy(update=about)


def test_a_person_whose_contact_points_cannot_be_read_is_not_reached_for_that_reason() -> None:
    _, unreached = given(NOTIFICATION).when(queue(contact_points=(), unreached="contact_points_unreadable"))
    assert unreached == not_reached("contact_points_unreadable")
    assert given(NOTIFICATION).when(queue(unreached="contact_points_unreadable")) == [queued()]


def test_asking_again_for_the_same_notification_changes_nothing() -> None:
    assert given(NOTIFICATION, queued()).when(queue()) == []


def test_a_contact_point_that_is_listed_twice_is_called_once() -> None:
    assert given(NOTIFICATION).when(queue(contact_points=(*POINTS, *POINTS))) == [queued()]


def test_two_long_ids_still_make_one_id_and_the_same_one_each_time() -> None:
    points = tuple(point.model_copy(update={"contact_point_id": point.channel + "x" * 80}) for point in POINTS)
    command = queue(notification_id="n" * 90, contact_points=points)
    first, again = given(NOTIFICATION).when(command), given(NOTIFICATION).when(command)
    assert first == again
    messages = NOTIFICATION.fold(first).sendings
    assert len({sending.message.message_id for sending in messages}) == 2
    assert all(len(sending.message.message_id) <= 96 for sending in messages)


def test_an_attempt_is_recorded_before_the_call_and_has_a_deadline_of_its_own() -> None:
    waiting = given(NOTIFICATION, queued())
    assert waiting.when(start(now=T0)) == [started()]
    assert waiting.then(start(now=T0)).deadlines == [
        Deadline("attempt", MAIL, T0 + ATTEMPT_LASTS),
        Deadline("send", HOOK, T0),
    ]


@pytest.mark.parametrize(
    "history",
    [
        (),
        (queued(), started()),
        (queued(), started(), accepted()),
        (queued(), started(), failed()),
        (queued(), withdrawn()),
        (queued(), replied()),
    ],
    ids=["no notification", "in flight", "accepted", "failed for good", "withdrawn", "answered"],
)
def test_there_is_no_attempt_at_what_is_not_to_be_sent(history: tuple[NotificationEvent, ...]) -> None:
    state = given(NOTIFICATION, *history)
    assert state.when(start()) == []
    assert state.when(start(unwanted="acknowledged")) == []


def test_an_attempt_says_to_which_contact_point_it_goes_and_keeps_the_message_id() -> None:
    moved = POINTS[1].model_copy(update={"contact_point_id": "c3"})
    state = given(NOTIFICATION, queued(MESSAGES[0]))
    (attempt,) = state.when(start(to=moved))
    assert attempt == started().model_copy(update={"contact_point_id": "c3", "channel": "webhook"})
    after = state.then(start(to=moved)).then(fail()).then(start(to=POINTS[0], now=T0 + 2 * SECOND))
    sending = after.state.sending(MAIL)
    assert sending is not None
    assert sending.went_to == {"c3", "c1"}


def test_there_is_no_attempt_at_a_message_of_another_notification() -> None:
    assert given(NOTIFICATION, queued()).when(start("other.c1")) == []


def test_what_nobody_needs_any_more_is_withdrawn_whole_and_never_sent() -> None:
    state = given(NOTIFICATION, queued())
    assert state.when(start(unwanted="acknowledged")) == [withdrawn("acknowledged")]
    assert state.then(start(unwanted="acknowledged")).deadlines == []


def test_an_attempt_in_flight_keeps_its_deadline_when_the_rest_is_withdrawn() -> None:
    state = given(NOTIFICATION, queued(), started(), withdrawn())
    assert state.deadlines == [Deadline("attempt", MAIL, T0 + ATTEMPT_LASTS)]
    assert state.when(fail()) == [failed(retry_at=None)]
    assert state.when(time_out()) == [unknown(reason="no_outcome", retry_at=None)]
    assert state.when(accept()) == [accepted()]


def test_a_failure_after_the_withdrawal_does_not_say_that_the_person_was_not_reached() -> None:
    state = given(NOTIFICATION, queued(MESSAGES[0]), started(), withdrawn())
    assert state.when(fail(permanent=True)) == [failed()]


def test_what_the_provider_took_is_sent_no_more() -> None:
    state = given(NOTIFICATION, queued(MESSAGES[0]), started())
    assert state.when(accept()) == [accepted()]
    assert state.then(accept()).deadlines == []
    assert state.then(accept()).when(accept()) == []


@pytest.mark.parametrize("record", [accept, fail, lose])
def test_an_outcome_counts_for_the_attempt_in_flight_only(record: object) -> None:
    assert callable(record)
    second = (queued(), started(), failed(retry_at=T0), started(attempt=2))
    assert given(NOTIFICATION, *second).when(record(attempt=1)) == []
    assert given(NOTIFICATION, queued()).when(record()) == []
    assert given(NOTIFICATION, queued(), started()).when(record("other.c1")) == []
    assert len(given(NOTIFICATION, *second).when(record(attempt=2))) == 1


def test_a_failure_for_now_is_tried_again_after_two_seconds_and_not_before() -> None:
    state = given(NOTIFICATION, queued(), started()).then(fail(now=T0))
    again = T0 + 2 * SECOND
    assert Deadline("send", MAIL, again) in state.deadlines
    assert state.when(start(now=again - SECOND)) == []
    assert state.when(start(now=again)) == [started(attempt=2, at=again)]


def test_the_waits_grow_to_a_minute_and_end_after_twenty_attempts() -> None:
    state = given(NOTIFICATION, queued(MESSAGES[0]))
    now, waits = T0, []
    for attempt in range(1, ATTEMPTS):
        state = state.then(start(now=now)).then(fail(attempt=attempt, now=now))
        (send,) = state.deadlines
        waits.append(send.due_at - now)
        now = send.due_at
    assert waits == [*WAITS, *(ATTEMPTS - 1 - len(WAITS)) * [timedelta(minutes=1)]]
    state = state.then(start(now=now))
    assert state.when(lose(attempt=ATTEMPTS, now=now)) == [
        unknown(attempt=ATTEMPTS, retry_at=None),
        not_reached("every_message_failed"),
    ]


def test_an_unknown_outcome_is_tried_again_like_a_failure() -> None:
    state = given(NOTIFICATION, queued(), started())
    assert state.when(lose(now=T0)) == [unknown(retry_at=T0 + 2 * SECOND)]


def test_an_attempt_without_an_outcome_is_unknown_at_its_deadline_and_not_before() -> None:
    state = given(NOTIFICATION, queued(), started())
    assert state.when(time_out(now=T0 + ATTEMPT_LASTS - SECOND)) == []
    late = T0 + ATTEMPT_LASTS
    assert state.when(time_out(now=late)) == [unknown(reason="no_outcome", retry_at=late + 2 * SECOND)]
    assert state.then(time_out(now=late)).when(time_out(now=late)) == []


def test_a_deadline_of_an_attempt_that_has_its_outcome_says_nothing() -> None:
    assert given(NOTIFICATION, queued(), started(), accepted()).when(time_out()) == []
    assert given(NOTIFICATION).when(time_out()) == []


def test_a_failure_for_good_is_not_tried_again_while_another_message_still_may_reach_the_person() -> None:
    state = given(NOTIFICATION, queued(), started(), started(HOOK))
    assert state.when(fail(permanent=True)) == [failed(retry_at=None)]
    after = state.then(fail(permanent=True))
    assert after.when(fail(HOOK)) == [failed(HOOK, retry_at=T0 + 2 * SECOND)]
    assert after.when(accept(HOOK)) == [accepted(HOOK)]


def test_a_person_is_not_reached_when_the_last_message_failed_for_good() -> None:
    state = given(NOTIFICATION, queued(), started(), started(HOOK), failed())
    assert state.when(fail(HOOK, permanent=True)) == [failed(HOOK), not_reached("every_message_failed")]


@pytest.mark.parametrize("reached", [accepted(HOOK), replied(HOOK)], ids=["accepted", "answered"])
def test_a_person_whom_another_message_reached_is_reached(reached: NotificationEvent) -> None:
    history = (queued(), started(HOOK), reached, started())
    assert given(NOTIFICATION, *history).when(fail(permanent=True)) == [failed()]


def test_a_reply_ends_the_repeats_of_its_message_and_a_further_one_counts_too() -> None:
    state = given(NOTIFICATION, queued(MESSAGES[0]), started(), unknown(retry_at=T0 + 2 * SECOND))
    assert state.when(reply()) == [replied()]
    assert state.then(reply()).when(reply()) == [replied()]
    assert state.then(reply()).deadlines == []


def test_an_attempt_in_flight_whose_message_was_answered_is_not_repeated() -> None:
    state = given(NOTIFICATION, queued(MESSAGES[0]), started(), replied())
    assert state.when(fail()) == [failed(retry_at=None)]


def test_a_reply_that_can_change_nothing_is_not_recorded() -> None:
    state = given(NOTIFICATION, queued(MESSAGES[0]), started(), accepted())
    assert state.when(reply(unanswerable="escalation_ended")) == []


def test_a_reply_counts_even_after_the_notification_was_withdrawn() -> None:
    assert given(NOTIFICATION, queued(), started(), accepted(), withdrawn()).when(reply()) == [replied()]


@pytest.mark.parametrize("history", [(), (queued(),)], ids=["no notification", "another's message"])
def test_a_reply_to_a_message_that_does_not_exist_is_refused(history: tuple[NotificationEvent, ...]) -> None:
    assert given(NOTIFICATION, *history).rejected(reply("other.c1")) == "message_unknown"


def test_every_refusal_has_its_sentence_and_every_sentence_its_refusal() -> None:
    assert set(findall(r'Rejected\("(\w+)"\)', getsource(notification))) == set(REFUSALS)
    assert all(sentence.endswith(".") for sentence in REFUSALS.values())


def test_a_notification_that_does_not_exist_has_no_id() -> None:
    with pytest.raises(LookupError):
        _ = NOTIFICATION.initial.notification_id


def test_an_attempt_that_goes_with_others_says_in_which_call() -> None:
    assert given(NOTIFICATION, queued()).when(replace(start(), call_id="bundle-1")) == [
        started().model_copy(update={"call_id": "bundle-1"})
    ]


def test_what_left_no_outcome_goes_again_counted_from_when_it_became_unknown_whoever_looks_when() -> None:
    looked_late = time_out(now=T0 + ATTEMPT_LASTS + 30 * SECOND)
    assert given(NOTIFICATION, queued(), started()).when(looked_late) == [
        unknown(retry_at=T0 + ATTEMPT_LASTS + WAITS[0], reason="no_outcome")
    ]


def test_what_is_late_in_trouble_or_awaited_is_said_so_when_it_is_queued() -> None:
    trouble = Trouble(service="checkin", concern="system_outage", from_at=DUE, to_at=T0)
    command = queue(late="system_outage", trouble=trouble, occasion="start")
    (event,) = given(NOTIFICATION).when(command)
    assert event == queued(late="system_outage", trouble=trouble, occasion="start")
