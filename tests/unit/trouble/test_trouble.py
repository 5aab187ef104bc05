"""What a service says of its own troubles: each once, until it is settled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from shared.contracts.troubles import (
    ClockAgreed,
    ClockDiffered,
    DeadlineFailed,
    DeadlineRecovered,
    OutageRecorded,
    RecordDiscarded,
    RecordMended,
    RecordParked,
    RecordReplayed,
    SelfCheckDiffered,
)
from shared.decider import Rejected
from shared.trouble import (
    TROUBLE,
    ClockAgrees,
    ClockDiffers,
    Command,
    Discard,
    FailDeadline,
    Mend,
    Park,
    RecordOutage,
    RecoverDeadline,
    Replay,
    SelfCheck,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.contracts.base import Event

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIRST = "escalation.7"


def parked(position: int = 7, consumer: str = "escalation", behind: str | None = None) -> RecordParked:
    return RecordParked(
        service="escalation",
        parked_id=f"{consumer}.{position}",
        consumer=consumer,
        topic="lonewatch.visits.v1",
        shard=3,
        position=position,
        record_type="visit.check_in_missed.v1",
        record_stream_id="visit-v1",
        visit_id="v1",
        site_id="s1",
        reason="not_json",
        detail="",
        sha256="00",
        behind=behind,
    )


def failing(due_at: datetime = T0) -> DeadlineFailed:
    return DeadlineFailed(
        service="checkin",
        deadline_stream_id="visit-v1",
        kind="check_in_missed",
        subject="",
        due_at=due_at,
        visit_id="v1",
        site_id="s1",
        reason="handler_failed",
        detail="",
    )


def outage(from_at: datetime, to_at: datetime, loop: str = "clock") -> RecordOutage:
    return RecordOutage("checkin", loop, from_at, to_at, 2)


def check(*, found: str = "two", mended: bool = False) -> SelfCheck:
    return SelfCheck("checkin", "deadlines", "visit-v1", "one", found, mended)


def when(history: Sequence[Event], command: Command) -> Sequence[Event]:
    return TROUBLE.decide(command, TROUBLE.fold(history))


def said(*commands: Command) -> list[Event]:
    """Return the history after these commands."""
    history: list[Event] = []
    for command in commands:
        history += when(history, command)
    return history


def test_a_record_is_parked_once_for_each_consumer() -> None:
    history = said(Park(parked()), Park(parked()), Park(parked(consumer="escalation.escalation")))
    assert history == [parked(), parked(consumer="escalation.escalation")]


def test_a_parked_record_is_not_parked_again_after_it_was_settled() -> None:
    history = said(Park(parked()), Replay(FIRST, "w1"))
    assert when(history, Park(parked())) == []


def test_what_waits_for_a_consumer_stands_in_the_order_of_the_log_until_it_is_settled() -> None:
    history = said(
        Park(parked(9)), Park(parked(7)), Park(parked(8)), Park(parked(6, "other")), Discard(FIRST, "w", "x")
    )
    waiting = TROUBLE.fold(history).waiting("escalation")
    assert [one.fact.position for one in waiting] == [8, 9]


def test_mended_data_is_kept_and_the_same_again_is_nothing() -> None:
    history = said(Park(parked()), Mend(FIRST, "w1", {"a": 1}))
    assert history[1:] == [
        RecordMended(parked_id=FIRST, by="w1", record_type="visit.check_in_missed.v1", data={"a": 1})
    ]
    assert when(history, Mend(FIRST, "w2", {"a": 1})) == []
    found = TROUBLE.fold(said(Park(parked()), Mend(FIRST, "w1", {"a": 1}), Mend(FIRST, "w1", {"a": 2}))).find(FIRST)
    assert found is not None
    assert found.data == {"a": 2}


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (Replay(FIRST, "w1"), RecordReplayed(parked_id=FIRST, by="w1")),
        (Discard(FIRST, "w1", "no_use"), RecordDiscarded(parked_id=FIRST, by="w1", reason="no_use")),
    ],
)
def test_a_parked_record_is_settled_once(command: Command, event: Event) -> None:
    history = said(Park(parked()), command)
    assert history[1:] == [event]
    assert when(history, command) == []


@pytest.mark.parametrize(
    ("settled", "then", "code"),
    [
        (Replay(FIRST, "w1"), Discard(FIRST, "w1", "x"), "parked_replayed"),
        (Replay(FIRST, "w1"), Mend(FIRST, "w1", {}), "parked_replayed"),
        (Discard(FIRST, "w1", "x"), Replay(FIRST, "w1"), "parked_discarded"),
        (Discard(FIRST, "w1", "x"), Mend(FIRST, "w1", {}), "parked_discarded"),
    ],
)
def test_what_was_settled_one_way_is_not_settled_another(settled: Command, then: Command, code: str) -> None:
    history = said(Park(parked()), settled)
    with pytest.raises(Rejected, match=code):
        when(history, then)


@pytest.mark.parametrize("command", [Mend(FIRST, "w", {}), Replay(FIRST, "w"), Discard(FIRST, "w", "x")])
def test_what_is_not_parked_is_unknown(command: Command) -> None:
    with pytest.raises(Rejected, match="parked_unknown"):
        when([parked(8)], command)


def test_a_deadline_that_fails_is_said_once_until_it_recovers() -> None:
    recover = RecoverDeadline("checkin", "visit-v1", "check_in_missed", "")
    assert said(recover) == []
    history = said(FailDeadline(failing()), FailDeadline(failing()), recover, recover, FailDeadline(failing()))
    recovered = DeadlineRecovered(service="checkin", deadline_stream_id="visit-v1", kind="check_in_missed", subject="")
    assert history == [failing(), recovered, failing()]


def test_a_later_deadline_of_the_same_kind_that_fails_is_said_too() -> None:
    later = failing(T0 + SECOND)
    assert said(FailDeadline(failing()), FailDeadline(later)) == [failing(), later]


def test_a_clock_that_differs_is_said_once_for_each_replica_until_it_agrees() -> None:
    differs, agrees = ClockDiffers("checkin", "one", 3.5), ClockAgrees("checkin", "one")
    assert said(agrees) == []
    history = said(differs, differs, ClockDiffers("checkin", "two", -9), agrees, agrees)
    assert history == [
        ClockDiffered(service="checkin", replica="one", seconds=3.5),
        ClockDiffered(service="checkin", replica="two", seconds=-9),
        ClockAgreed(service="checkin", replica="one"),
    ]
    assert len(when(history, differs)) == 1


def test_an_outage_that_another_replica_recorded_is_not_recorded_again() -> None:
    first = outage(T0, T0 + 20 * SECOND)
    assert len(said(first, first, outage(T0 + SECOND, T0 + 24 * SECOND))) == 1
    assert len(said(first, outage(T0 - SECOND, T0 + 10 * SECOND, loop="feed"))) == 2
    assert len(said(first, outage(T0 + 20 * SECOND, T0 + 30 * SECOND))) == 2


def test_of_an_outage_that_goes_on_beyond_a_recorded_one_the_rest_is_recorded() -> None:
    history = said(outage(T0, T0 + 20 * SECOND), outage(T0, T0 + 60 * SECOND))
    assert history[1] == OutageRecorded(
        service="checkin", loop="clock", from_at=T0 + 20 * SECOND, to_at=T0 + 60 * SECOND, overdue=2
    )


def test_a_difference_is_said_once_until_it_is_another_one() -> None:
    history = said(check(), check(), check(found="three"), check(mended=True))
    assert [event.found for event in history if isinstance(event, SelfCheckDiffered)] == ["two", "three", "two"]


def test_a_difference_that_was_put_right_and_came_back_is_said_again() -> None:
    assert len(said(check(mended=True), check(mended=True))) == 2


def test_what_speaks_of_something_that_is_not_there_changes_nothing() -> None:
    events: list[Any] = [RecordReplayed(parked_id=FIRST, by="w"), ClockAgreed(service="checkin", replica="one")]
    assert TROUBLE.fold(events) == TROUBLE.initial
    assert TROUBLE.deadlines(TROUBLE.fold([parked(), failing()])) == ()
