"""What is still wanted, by what the stream that asked says: each rule as a sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifier.domain import Asker, asker_of, unanswerable, unwanted
from shared.contracts.awaited import CheckInMissed, ReminderDue, WatchResumed
from shared.contracts.base import Cites, Event
from shared.contracts.escalations import (
    AcknowledgementRanOut,
    EscalationAcknowledged,
    EscalationJoined,
    EscalationLapsed,
    EscalationOpened,
    EscalationResolved,
    EscalationStoodDown,
    StepStarted,
)
from shared.contracts.visits import (
    CheckInRecorded,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitPlanned,
    VisitRefused,
    VisitReported,
    VisitStarted,
)
from tests.unit.notifier.examples import DUE, T0, queued, reminder

NEXT = DUE + timedelta(hours=1)
OF_LADDERS = ("step", "exhausted")
OF_EPISODES = ("joined", "ran_out")


def opened(episode: int = 1) -> EscalationOpened:
    return EscalationOpened(
        escalation_id=f"v1.{episode}",
        episode=episode,
        visit_id="v1",
        worker_id="ania",
        site_id="s1",
        trigger="check_in_missed",
        trigger_event_id="e1",
        due_at=DUE,
        policy_id=None,
        policy_version=None,
        ladder=None,
        ladder_no=1,
    )


def acknowledged(*ladders: int) -> EscalationAcknowledged:
    return EscalationAcknowledged(
        escalation_id="v1.1", by="ben", via="page", ladders=ladders or (1,), runs_out_at=T0, cites=Cites()
    )


RAN_OUT = AcknowledgementRanOut(escalation_id="v1.1", by="ben", asks=(), next_at=T0)
JOINED = EscalationJoined(
    escalation_id="v1.1", trigger="help", trigger_event_id="e2", due_at=None, ladder=None, ladder_no=2, asks=()
)
RESOLVED = EscalationResolved(
    escalation_id="v1.1", visit_id="v1", by="ben", confirmed_by="ben", how="rang", note=None, asks=()
)
STOOD_DOWN = EscalationStoodDown(escalation_id="v1.1", visit_id="v1", by="ben", reason="mistake", note=None, asks=())
STARTED = VisitStarted(visit_id="v1", dynamic_assessment={}, due_at=DUE)
CHECKED_IN = CheckInRecorded(visit_id="v1", met_due_at=DUE, due_at=NEXT)
MISSED = CheckInMissed(
    visit_id="v1",
    worker_id="ania",
    site_id="s1",
    due_at=DUE,
    missed_at=DUE,
    detected_at=DUE,
    policy_id="p1",
    policy_version=1,
)
ENDED = VisitEnded(visit_id="v1", reason="completed")


def extended(**changes: object) -> VisitExtended:
    extension: dict[str, Any] = {"visit_id": "v1", "met_due_at": DUE, "expected_end_at": NEXT, "due_at": NEXT}
    return VisitExtended(**{**extension, **changes})


@pytest.mark.parametrize("kind", [*OF_LADDERS, *OF_EPISODES, "all_clear"])
@pytest.mark.parametrize("history", [(), (opened(),), (opened(), JOINED)], ids=["nothing known", "open", "joined"])
def test_while_an_escalation_is_open_or_nothing_is_known_everything_is_wanted(
    kind: str, history: tuple[Event, ...]
) -> None:
    assert unwanted(queued(kind=kind), asker_of(history)) is None


@pytest.mark.parametrize("kind", OF_LADDERS)
def test_an_acknowledgement_stops_the_ladders_that_it_names(kind: str) -> None:
    asker = asker_of([opened(), acknowledged(1)])
    assert unwanted(queued(kind=kind, ladder_no=1), asker) == "acknowledged"
    assert unwanted(queued(kind=kind, ladder_no=2), asker) is None


@pytest.mark.parametrize("kind", OF_LADDERS)
def test_a_ladder_that_a_graver_trigger_started_later_runs_until_it_is_acknowledged_too(kind: str) -> None:
    graver = (opened(), acknowledged(1), JOINED)
    assert unwanted(queued(kind=kind, ladder_no=2), asker_of(graver)) is None
    both = asker_of([*graver, acknowledged(2)])
    assert [unwanted(queued(kind=kind, ladder_no=number), both) for number in (1, 2)] == 2 * ["acknowledged"]


def test_a_new_episode_whose_opening_cannot_be_read_is_wanted_all_the_same() -> None:
    step = StepStarted(escalation_id="v1.2", ladder_no=1, step=1, name="Ring", asks=(), next_at=T0, cites=Cites())
    of_first, of_second = queued(escalation_id="v1.1"), queued(escalation_id="v1.2")
    asker = asker_of([opened(), RESOLVED, step])
    assert unwanted(of_second, asker) is None
    assert unwanted(of_first, asker) == "escalation_ended"


@pytest.mark.parametrize("kind", OF_EPISODES)
def test_an_acknowledgement_does_not_keep_news_from_whoever_was_told(kind: str) -> None:
    assert unwanted(queued(kind=kind), asker_of([opened(), acknowledged()])) is None


def test_the_ladders_are_wanted_again_when_the_acknowledgement_ran_out() -> None:
    assert unwanted(queued(), asker_of([opened(), acknowledged(), RAN_OUT])) is None


@pytest.mark.parametrize("end", [RESOLVED, STOOD_DOWN], ids=["resolved", "stood down"])
@pytest.mark.parametrize("kind", [*OF_LADDERS, *OF_EPISODES])
def test_after_the_end_only_the_all_clear_is_wanted(end: Event, kind: str) -> None:
    asker = asker_of([opened(), end])
    assert unwanted(queued(kind=kind), asker) == "escalation_ended"
    assert unwanted(queued(kind="all_clear"), asker) is None


def test_a_later_episode_wants_its_own_notifications_and_none_of_an_earlier_one() -> None:
    asker = asker_of([opened(), acknowledged(), RESOLVED, opened(2)])
    assert unwanted(queued(escalation_id="v1.1"), asker) == "escalation_ended"
    assert unwanted(queued(escalation_id="v1.2"), asker) is None


REMINDED = ReminderDue(visit_id="v1", worker_id="ania", reminder_id="v1.r1", occasion="at", due_at=DUE)


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([STARTED], None),
        ([STARTED, REMINDED], None),
        ([], "checked_in"),
        ([STARTED, CHECKED_IN], "checked_in"),
        ([STARTED, extended()], "checked_in"),
        ([STARTED, MISSED], "check_in_missed"),
        ([STARTED, MISSED, extended(met_due_at=None, due_at=None)], "check_in_missed"),
        ([STARTED, MISSED, WatchResumed(visit_id="v1", escalation_id="v1.1", due_at=NEXT)], "checked_in"),
        ([STARTED, ENDED], "visit_ended"),
        ([STARTED, MISSED, ENDED], "visit_ended"),
    ],
)
def test_a_reminder_is_wanted_while_its_own_check_in_is_awaited(history: list[Event], reason: str | None) -> None:
    assert unwanted(reminder(), asker_of(history)) == reason


def test_a_reminder_of_the_next_check_in_is_wanted_after_the_watch_resumed() -> None:
    resumed = asker_of([STARTED, MISSED, WatchResumed(visit_id="v1", escalation_id="v1.1", due_at=NEXT)])
    assert unwanted(reminder(due_at=NEXT), resumed) is None


@pytest.mark.parametrize("kind", ["step", "joined", "ran_out", "exhausted"])
def test_a_notification_can_be_answered_until_its_episode_has_ended(kind: str) -> None:
    asked = queued(kind=kind)
    assert unanswerable(asked, asker_of([])) is None
    assert unanswerable(asked, asker_of([opened(), acknowledged()])) is None
    assert unanswerable(asked, asker_of([opened(), RESOLVED])) == "escalation_ended"
    assert unanswerable(asked, asker_of([opened(), RESOLVED, opened(2)])) == "escalation_ended"


def test_a_reminder_and_an_all_clear_ask_for_no_answer() -> None:
    assert unanswerable(reminder(), asker_of([STARTED])) == "asks_for_no_answer"
    assert unanswerable(queued(kind="all_clear"), asker_of([opened()])) == "asks_for_no_answer"


def test_an_asker_of_nothing_is_the_beginning() -> None:
    assert asker_of([]) == Asker()


LAPSED = EscalationLapsed(escalation_id="v1.1", visit_id="v1", reason="visit_started", asks=())
PLANNED = VisitPlanned(
    visit_id="v1",
    site_id="s1",
    worker_id="ania",
    kind="home_visit",
    starts_at=DUE,
    expected_end_at=DUE,
    interval=timedelta(minutes=30),
    grace=timedelta(minutes=5),
    remind_before=timedelta(minutes=5),
    policy_id="p1",
    policy_version=1,
)
CANCELLED = VisitCancelled(visit_id="v1", reason="not_needed")
REFUSED = VisitRefused(visit_id="v1", by="ben", reason="unsafe")
REPORTED = VisitReported(visit_id="v1", by="ania", went="well")


def test_when_what_was_awaited_came_only_the_all_clear_is_wanted() -> None:
    asker = asker_of([opened(), LAPSED])
    assert unwanted(queued(), asker) == "escalation_ended"
    assert unwanted(queued(kind="all_clear"), asker) is None


@pytest.mark.parametrize(
    ("occasion", "history", "reason"),
    [
        ("start", [PLANNED], None),
        ("start", [], None),
        ("start", [PLANNED, STARTED], "visit_started"),
        ("start", [PLANNED, CANCELLED], "visit_ended"),
        ("start", [PLANNED, REFUSED], "visit_ended"),
        ("end", [PLANNED, STARTED], None),
        ("end", [PLANNED, STARTED, CHECKED_IN], None),
        ("end", [PLANNED, STARTED, MISSED], None),
        ("end", [PLANNED, STARTED, extended()], "visit_extended"),
        ("end", [PLANNED, STARTED, ENDED], "visit_ended"),
        ("report", [PLANNED, STARTED, ENDED], None),
        ("report", [PLANNED, STARTED, ENDED, REPORTED], "visit_reported"),
    ],
)
def test_a_reminder_of_what_does_not_come_is_wanted_until_it_comes(
    occasion: str, history: list[Event], reason: str | None
) -> None:
    assert unwanted(reminder(occasion=occasion), asker_of(history)) == reason


@pytest.mark.parametrize("history", [[], [opened(), RESOLVED], [STARTED, ENDED]])
def test_a_test_alarm_is_always_wanted_and_asks_for_no_acknowledgement(history: list[Event]) -> None:
    asked = queued(kind="test", escalation_id=None, ladder_no=None, asked_by="notification-test-1")
    assert unwanted(asked, asker_of(history)) is None
    assert unanswerable(asked, asker_of(history)) == "asks_for_no_answer"
