"""Every event has a sentence; none shows what is sealed."""

from __future__ import annotations

from typing import Literal

import pytest

from services.audit.domain import timeline
from shared.contracts.accounts import SignedOut
from shared.contracts.awaited import ReminderDue
from shared.contracts.base import Event
from shared.contracts.envelope import EVENT_TYPES
from shared.contracts.escalations import EscalationJoined
from shared.contracts.notifications import ReplyReceived
from shared.contracts.troubles import OutageRecorded, Trouble
from shared.contracts.visits import VisitCancelled
from tests.support.history_of import happened, history_of
from tests.unit.audit.answers import attempted, opened, parked, queued
from tests.unit.audit.every_event import EVERY_EVENT
from tests.unit.audit.examples import CHECK_IN_MISSED, DUE, OPENED, STARTED, SUE, T0, VISIT, WALT, approval_overdue


def reminder(occasion: Literal["at", "start", "end", "report"]) -> Event:
    return ReminderDue(visit_id=VISIT, worker_id=WALT, reminder_id="visit1.r1", occasion=occasion, due_at=DUE)


def test_there_is_an_example_of_every_event() -> None:
    assert {type(event) for event in EVERY_EVENT} == set(EVENT_TYPES.values())
    assert len(EVERY_EVENT) == len(EVENT_TYPES)


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: event.type)
def test_every_event_has_a_sentence_of_its_own(event: Event) -> None:
    (line,) = [line for line in timeline(history_of(happened(T0, event, by=SUE)), T0).lines if line.position]
    assert "no sentence" not in line.sentence
    assert line.sentence.endswith(".")
    assert line.sentence[0].isupper() or line.sentence[0] == "{"
    assert "None" not in line.sentence
    assert "Sealed" not in line.sentence
    assert "12 Mill Lane" not in str((line.sentence, line.details))


def test_an_event_that_nobody_wrote_a_sentence_for_says_so() -> None:
    class Unheard(Event):
        type = "visit.unheard.v1"

    (line,) = timeline(history_of(happened(T0, Unheard())), T0).lines
    assert line.sentence == "Visit.unheard.v1 was recorded; this release has no sentence for it."


def test_an_instant_of_another_day_has_its_date() -> None:
    (line,) = [
        line
        for line in timeline(history_of(happened(DUE.replace(day=1), STARTED, by="walt")), T0).lines
        if line.position
    ]
    assert "a check-in is due at 2026-03-02 14:30:00" in line.sentence


def test_the_system_stands_as_the_part_of_it_that_acted() -> None:
    (line,) = timeline(
        history_of(happened(T0, VisitCancelled(visit_id=VISIT, reason="ill"), by="system:checkin.clock")), T0
    ).lines
    assert line.sentence == "The system (checkin.clock) called the visit off: ill."


OTHER_SHAPES: tuple[tuple[Event, str], ...] = (
    (
        CHECK_IN_MISSED.model_copy(update={"late": "system_outage"}),
        (
            "{walt} missed the check-in of 14:30:00: none came by 14:35:00; recorded late: Lonewatch itself was not at work"
            " when it fell due, so it does not show by itself that the worker was silent."
        ),
    ),
    (
        CHECK_IN_MISSED.model_copy(update={"late": "nobody_looked_in_time"}),
        (
            "{walt} missed the check-in of 14:30:00: none came by 14:35:00; recorded late: nobody looked in time, which was"
            " Lonewatch's doing and not the worker's."
        ),
    ),
    (
        approval_overdue(DUE, "a_reason_of_a_later_release"),
        "Nobody had approved or refused the visit by 14:30:00; recorded late: a reason of a later release.",
    ),
    (
        reminder("start"),
        "{walt} is to be reminded of the start of the visit, which was planned for 14:30:00.",
    ),
    (reminder("end"), "{walt} is to be reminded of the end of the visit, which was expected at 14:30:00."),
    (reminder("report"), "{walt} is to be reminded of the report of the visit, which is due at 14:30:00."),
    (reminder("at"), "{walt} is to be reminded of the check-in of 14:30:00, as it is due."),
    (
        parked(behind="escalation.8"),
        (
            "Record #9 (visit.check_in_missed.v1) waits in escalation, since one before it (escalation.8) was set aside; it"
            " has had no effect there yet."
        ),
    ),
    (
        EscalationJoined(
            escalation_id="visit1.1",
            trigger="trouble",
            trigger_event_id="parked-9",
            due_at=None,
            ladder=None,
            ladder_no=None,
            late="nobody_looked_in_time",
            trouble=Trouble(service="escalation", concern="record_parked"),
            asks=(),
        ),
        (
            "Trouble joined escalation visit1.1: a record could not be taken in and was set aside, in escalation;"
            " recorded late: nobody looked in time, which was Lonewatch's doing and not the worker's; told: nobody."
        ),
    ),
    (
        opened().model_copy(
            update={"trigger": "trouble", "trouble": Trouble(service="checkin", concern="deadline_failed")}
        ),
        (
            "Escalation visit1.1 opened (trouble: something that was due could not be done, in checkin); its ladder runs"
            " from here."
        ),
    ),
    (
        attempted(1, OPENED).model_copy(update={"call_id": "bundle-1"}),
        "Attempt 1 to send message visit1.1.1.m by mail began, in one call with others (bundle-1).",
    ),
    (
        queued(1, SUE).model_copy(update={"kind": "test"}),
        "Test alarm visit1.1.1 to {sue} queued: mail; it asks nothing but whether it arrives.",
    ),
    (
        ReplyReceived(notification_id="n", message_id="n.m", recipient_id=SUE, escalation_id=None, reply="reached"),
        "{sue} says that test message n.m reached them.",
    ),
    (
        SignedOut(worker_id="walt", session_id=None),
        "{sue} ended every session of {walt}.",
    ),
    (
        OutageRecorded(service="checkin", loop="clock", from_at=DUE, to_at=OPENED, overdue=0),
        "Checkin was not at work from 14:30:00 to 14:35:01 (5 min 1 s): nothing fell due in it.",
    ),
)
"""Events whose sentence depends on more than their type."""


@pytest.mark.parametrize(("event", "sentence"), OTHER_SHAPES, ids=range(len(OTHER_SHAPES)))
def test_a_sentence_says_what_is_special_about_its_event(event: Event, sentence: str) -> None:
    (line,) = [line for line in timeline(history_of(happened(DUE, event, by=SUE)), DUE).lines if line.position]
    assert line.sentence == sentence
