"""What the records of every service mean to an escalation, one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from services.escalation.application.triggering import COMES, VISIT_TRIGGERS, came_by, triggered_by
from services.escalation.application.troubling import LONGEST_PLACE, TROUBLES, as_system, troubled_by
from services.escalation.feed import URGENT
from shared.contracts.awaited import ApprovalOverdue, CheckInMissed, EndOverdue, ReportOverdue, StartOverdue
from shared.contracts.base import OPERATOR_SITE, Event
from shared.contracts.envelope import Envelope, Recorded
from shared.contracts.escalations import SYSTEM, EscalationJoined
from shared.contracts.ladders import AWAITED, GRAVITY, Situation, Trigger
from shared.contracts.notifications import NotReached
from shared.contracts.troubles import (
    UNKNOWN_WORKER,
    ClockDiffered,
    DeadlineFailed,
    OutageRecorded,
    RecordParked,
    SelfCheckDiffered,
    Trouble,
)
from shared.contracts.visits import (
    VisitApproved,
    VisitCancelled,
    VisitEnded,
    VisitExtended,
    VisitHelpRequested,
    VisitRefused,
    VisitReported,
    VisitStarted,
    WorkerHelpRequested,
)
from tests.unit.escalation.examples import MINUTE, T0, VISIT, WALT

POLICY_OF = {"policy_id": "policy1", "policy_version": 3}
OVERDUE = {
    "visit_id": VISIT,
    "worker_id": WALT,
    "site_id": "north",
    "due_at": T0,
    "detected_at": T0,
    "late": "system_outage",
    **POLICY_OF,
}


def recorded(event: Event) -> Recorded:
    envelope = Envelope(
        incarnation="one",
        position=7,
        recorded_at=T0 + MINUTE,
        event_id="event1",
        type=event.type,
        topic="any",
        shard=1,
        stream_id="any-1",
        version=1,
        visit_id=None,
        site_id=None,
        correlation_id="c",
        causation_id=None,
        actor="a",
        release="0.1.0",
        occurred_at=T0,
        data={},
        salt="s",
    )
    return Recorded(envelope, event)


def parked(**other: object) -> RecordParked:
    said = {
        "service": "checkin",
        "parked_id": "escalation.42",
        "consumer": "escalation",
        "topic": "lonewatch.visits.v1",
        "shard": 3,
        "position": 42,
        "record_type": "visit.check_in_missed.v1",
        "record_stream_id": f"visit-{VISIT}",
        "visit_id": VISIT,
        "site_id": "north",
        "reason": "undecodable",
        "detail": "due_at: missing",
        "sha256": "0" * 64,
    }
    return RecordParked.model_validate(said | other)


FAILED = DeadlineFailed(
    service="notifier",
    deadline_stream_id="notification-n1",
    kind="send",
    subject="1",
    due_at=T0,
    visit_id=None,
    site_id=None,
    reason="key_error",
    detail="",
)
DIFFERS = SelfCheckDiffered(
    service="audit", check="bytes", place="position 9", expected="1", found="2", mended=False, visit_id=VISIT
)
AWAY = OutageRecorded(service="checkin", loop="clock", from_at=T0, to_at=T0 + timedelta(seconds=30), overdue=2)


@pytest.mark.parametrize(
    ("event", "trigger"),
    [
        (ApprovalOverdue.model_validate(OVERDUE), "approval_overdue"),
        (StartOverdue.model_validate(OVERDUE | {"starts_at": T0}), "start_overdue"),
        (EndOverdue.model_validate(OVERDUE | {"expected_end_at": T0}), "end_overdue"),
        (ReportOverdue.model_validate(OVERDUE), "report_overdue"),
        (CheckInMissed.model_validate(OVERDUE | {"missed_at": T0}), "check_in_missed"),
    ],
)
def test_what_did_not_come_is_a_trigger_with_its_time_and_why_it_is_late(event: Event, trigger: str) -> None:
    triggered = triggered_by(recorded(event))
    assert (triggered.trigger, triggered.event_id, triggered.due_at, triggered.late) == (
        trigger,
        "event1",
        T0,
        "system_outage",
    )
    assert (triggered.worker_id, triggered.site_id, triggered.policy_id, triggered.policy_version) == (
        WALT,
        "north",
        "policy1",
        3,
    )
    assert triggered.stream_id == f"escalation-{VISIT}"


def test_help_is_a_trigger_of_the_visit_or_else_of_the_worker() -> None:
    at_visit = VisitHelpRequested.model_validate(
        {"visit_id": VISIT, "worker_id": WALT, "site_id": "north", **POLICY_OF}
    )
    alone = WorkerHelpRequested(worker_id=WALT, site_id="north")
    assert [triggered_by(recorded(event)).stream_id for event in (at_visit, alone)] == [
        f"escalation-{VISIT}",
        f"escalation-{WALT}",
    ]


def test_what_is_no_trigger_and_no_trouble_is_taken_for_none() -> None:
    ended = recorded(VisitEnded(visit_id=VISIT, reason="completed"))
    with pytest.raises(TypeError, match=r"visit\.ended\.v1 is no trigger"):
        triggered_by(ended)
    with pytest.raises(TypeError, match=r"visit\.ended\.v1 is no trouble"):
        troubled_by(ended)


def test_a_parked_record_of_a_visit_is_one_trouble_of_it_whoever_parked_it() -> None:
    both = [troubled_by(recorded(parked(service=service))) for service in ("checkin", "notifier")]
    assert [(one.trigger, one.event_id, one.visit_id, one.site_id) for one in both if one] == [
        ("trouble", "parked-42", VISIT, "north")
    ] * 2
    assert both[0]
    assert both[0].trouble == Trouble(service="checkin", concern="record_parked", place=f"visit-{VISIT}, position 42")


@pytest.mark.parametrize("event", [parked(behind="escalation.41"), parked(record_type="trouble.record_parked.v1")])
def test_what_waits_behind_another_and_a_parked_trouble_raise_nothing(event: Event) -> None:
    assert troubled_by(recorded(event)) is None


def test_a_parked_record_without_a_visit_is_a_trouble_of_lonewatch() -> None:
    triggered = troubled_by(recorded(parked(visit_id=None, site_id=None, record_stream_id="grant-north")))
    assert triggered
    assert (triggered.trigger, triggered.stream_id) == ("system", f"escalation-{SYSTEM}")
    assert (triggered.worker_id, triggered.site_id) == (UNKNOWN_WORKER, OPERATOR_SITE)


def test_of_what_joined_an_escalation_and_is_parked_one_raises_or_telling_of_it_goes_on_for_ever() -> None:
    joined = {"record_type": EscalationJoined.type, "visit_id": None, "site_id": None}
    ids = [
        triggered.event_id
        for stream_id, position in (
            (f"escalation-{SYSTEM}", 42),
            (f"escalation-{SYSTEM}", 43),
            (f"escalation-{VISIT}", 44),
        )
        if (triggered := troubled_by(recorded(parked(**joined, record_stream_id=stream_id, position=position))))
    ]
    assert len(ids) == 3
    assert ids[0] == ids[1] != ids[2]
    assert all(len(event_id) < 100 and event_id.isprintable() for event_id in ids)


def test_of_the_messages_of_an_episode_that_cannot_be_sent_one_raises_or_each_would_ask_for_more_of_them() -> None:
    streams = [f"notification-{VISIT}.1.{number}" for number in (1, 2)] + [f"notification-{VISIT}.2.1"]
    ids = [
        triggered.event_id
        for stream_id in streams
        if (triggered := troubled_by(recorded(FAILED.model_copy(update={"deadline_stream_id": stream_id}))))
    ]
    assert len(ids) == 3
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("event", "trigger", "concern", "place"),
    [
        (FAILED, "system", "deadline_failed", "notification-n1, send"),
        (FAILED.model_copy(update={"visit_id": VISIT}), "trouble", "deadline_failed", "notification-n1, send"),
        (DIFFERS, "trouble", "self_check_differs", "position 9"),
        (ClockDiffered(service="audit", replica="audit-2", seconds=3.5), "system", "clock_differs", "audit-2"),
        (AWAY, "system", "system_outage", "clock"),
    ],
)
def test_every_trouble_says_what_and_where(event: Event, trigger: str, concern: str, place: str) -> None:
    triggered = troubled_by(recorded(event))
    assert triggered
    assert triggered.trouble
    assert (triggered.trigger, triggered.event_id) == (trigger, "event1")
    assert (triggered.trouble.concern, triggered.trouble.place) == (concern, place)


def test_an_outage_says_from_when_to_when_and_one_in_which_nothing_fell_due_tells_nobody() -> None:
    triggered = troubled_by(recorded(AWAY))
    assert triggered
    assert triggered.trouble
    assert (triggered.trouble.from_at, triggered.trouble.to_at) == (AWAY.from_at, AWAY.to_at)
    assert troubled_by(recorded(AWAY.model_copy(update={"overdue": 0}))) is None


def test_whatever_stands_in_a_broken_record_its_place_is_one_line() -> None:
    triggered = troubled_by(recorded(parked(record_stream_id="visit-\n\x00" + "x" * 300)))
    assert triggered
    assert triggered.trouble
    assert triggered.trouble.place == "visit-  " + "x" * (LONGEST_PLACE - 8)
    elsewhere = as_system(triggered)
    assert elsewhere.trouble
    assert Trouble.model_validate(elsewhere.trouble.model_dump()).place == elsewhere.trouble.place
    assert (elsewhere.trigger, elsewhere.event_id, elsewhere.visit_id) == ("system", "parked-42", None)
    assert (elsewhere.trouble.place or "").startswith(f"escalation-{VISIT}: visit-")


def test_whatever_comes_answers_what_was_awaited_of_it_and_everything_before() -> None:
    answered: dict[type[Event], set[str]] = {
        VisitApproved: {"approval_overdue"},
        VisitRefused: {"approval_overdue"},
        VisitCancelled: {"approval_overdue", "start_overdue"},
        VisitStarted: {"approval_overdue", "start_overdue"},
        VisitExtended: {"end_overdue"},
        VisitEnded: {"start_overdue", "end_overdue"},
        VisitReported: set(AWAITED),
    }
    assert set(answered) == set(COMES)
    for kind, moot in answered.items():
        reason, found = came_by(kind)
        assert reason == kind.type.removesuffix(".v1").replace(".", "_")
        assert moot <= found <= AWAITED
    assert "end_overdue" not in came_by(VisitStarted)[1]
    assert "report_overdue" not in came_by(VisitEnded)[1]


def test_whatever_tells_somebody_is_never_held_back() -> None:
    assert {event.type for event in (*VISIT_TRIGGERS, *TROUBLES)} | {NotReached.type} == URGENT


def test_everything_that_can_be_raised_has_a_gravity() -> None:
    assert set(GRAVITY) == set(get_args(Trigger)) > AWAITED | set(get_args(Situation))
