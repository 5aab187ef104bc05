"""What is never held back behind a parked record of its visit: triggers, whatever asks to tell somebody, what resumes a watch."""

from __future__ import annotations

from typing import Any, cast

from services.checkin import feed as checkin
from services.escalation import feed as escalation
from services.notifier import feed as notifier
from shared.contracts import awaited, escalations, visits
from shared.contracts.base import Event
from shared.contracts.notifications import ReplyReceived

NOBODY = cast("Any", type("Nobody", (), {"__getattr__": lambda _, name: name})())
"""Stands for an application: which types are urgent is asked before anything happens."""


def test_a_watch_is_resumed_whatever_is_parked_of_the_visit() -> None:
    [reaction] = checkin.reactions(NOBODY)
    assert reaction.urgent == {escalations.EscalationResolved.type, escalations.EscalationStoodDown.type}


def test_an_alarm_is_raised_whatever_is_parked_of_the_visit() -> None:
    [reaction] = escalation.reactions(NOBODY)
    triggers: set[type[Event]] = {
        awaited.CheckInMissed,
        visits.VisitHelpRequested,
        visits.WorkerHelpRequested,
        awaited.StartOverdue,
    }
    assert {event.type for event in triggers} <= reaction.urgent
    assert not reaction.waits(visits.VisitHelpRequested.type)


def test_people_are_told_whatever_is_parked_of_the_visit() -> None:
    [reaction] = notifier.reactions(NOBODY)
    asking = {event.type for event in escalations.EVENTS if "asks" in event.model_fields}
    assert asking <= reaction.urgent
    assert reaction.waits(awaited.ReminderDue.type), "a reminder tells nobody of a danger, so it may wait"


def test_a_reply_waits_behind_a_parked_record_since_a_ladder_that_goes_on_does_no_harm() -> None:
    [reaction] = escalation.reactions(NOBODY)
    assert reaction.waits(ReplyReceived.type)
