"""What follows a missed check-in: an escalation, its notifications, and what Lonewatch could not do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.contracts import escalations, notifications, troubles
from shared.contracts.asks import Ask
from shared.contracts.notifications import Message
from tests.unit.audit.examples import (
    DEADLINE,
    ESCALATION,
    MISSED,
    SECOND,
    VISIT,
    WALT,
    cites,
    sealed,
)

if TYPE_CHECKING:
    from datetime import datetime

    from shared.contracts.base import Event
    from shared.contracts.ladders import Ladder
    from shared.contracts.roles import Role


def ask(number: int, worker_id: str, *roles: Role) -> Ask:
    return Ask(notification_id=f"{ESCALATION}.{number}", worker_id=worker_id, roles=roles)


def opened(trigger_event_id: str = "missed", ladder: Ladder | None = MISSED) -> escalations.EscalationOpened:
    by_help = ladder is not None and ladder.trigger == "help"
    return escalations.EscalationOpened(
        escalation_id=ESCALATION,
        episode=1,
        visit_id=VISIT,
        worker_id=WALT,
        site_id="north",
        trigger="help" if by_help else "check_in_missed",
        trigger_event_id=trigger_event_id,
        due_at=None if by_help else DEADLINE,
        policy_id="policy1",
        policy_version=3,
        ladder=ladder,
        ladder_no=1,
    )


def step_started(number: int, next_at: datetime, *asks: Ask, ladder: Ladder = MISSED, ladder_no: int = 1) -> Event:
    frozen = ladder.steps[number - 1]
    return escalations.StepStarted(
        escalation_id=ESCALATION,
        ladder_no=ladder_no,
        step=number,
        name=frozen.name,
        asks=asks,
        next_at=next_at,
        cites=frozen.cites,
    )


def exhausted(number: int, next_at: datetime, *asks: Ask, part: int = 1) -> Event:
    return escalations.EscalationExhausted(
        escalation_id=ESCALATION,
        ladder_no=1,
        round=number,
        asks=asks,
        part=part,
        next_at=next_at,
        cites=cites("repeats"),
    )


def acknowledged(by: str, runs_out_at: datetime, *ladders: int) -> Event:
    return escalations.EscalationAcknowledged(
        escalation_id=ESCALATION,
        by=by,
        via="page",
        ladders=ladders or (1,),
        runs_out_at=runs_out_at,
        cites=cites("lasts"),
    )


def resolved(by: str, *asks: Ask) -> Event:
    return escalations.EscalationResolved(
        escalation_id=ESCALATION,
        visit_id=VISIT,
        worker_id=WALT,
        site_id="north",
        by=by,
        confirmed_by=by,
        how="met_in_person",
        note=sealed("phone was dead"),
        asks=asks,
    )


def queued(number: int, recipient_id: str) -> Event:
    notification_id = f"{ESCALATION}.{number}"
    return notifications.NotificationQueued(
        notification_id=notification_id,
        recipient_id=recipient_id,
        kind="step",
        asked_by=f"escalation-{VISIT}",
        escalation_id=ESCALATION,
        ladder_no=1,
        step=1,
        trigger="check_in_missed",
        due_at=DEADLINE,
        send_at=DEADLINE,
        worker_id=WALT,
        messages=(Message(message_id=f"{notification_id}.m", contact_point_id="m", channel="mail"),),
    )


def attempted(number: int, at: datetime) -> Event:
    notification_id = f"{ESCALATION}.{number}"
    return notifications.AttemptStarted(
        notification_id=notification_id,
        message_id=f"{notification_id}.m",
        attempt=1,
        contact_point_id="m",
        channel="mail",
        unknown_at=at + 15 * SECOND,
    )


def accepted(number: int) -> Event:
    notification_id = f"{ESCALATION}.{number}"
    return notifications.AttemptAccepted(
        notification_id=notification_id, message_id=f"{notification_id}.m", attempt=1, provider_ref="ref"
    )


def not_reached(number: int, recipient_id: str) -> Event:
    return notifications.NotReached(
        notification_id=f"{ESCALATION}.{number}",
        recipient_id=recipient_id,
        escalation_id=ESCALATION,
        kind="step",
        ladder_no=1,
        step=1,
        reason="every_message_failed",
    )


def withdrawn(number: int) -> Event:
    return notifications.NotificationWithdrawn(notification_id=f"{ESCALATION}.{number}", reason="acknowledged")


def parked(consumer: str = "escalation", position: int = 9, behind: str | None = None) -> Event:
    return troubles.RecordParked(
        service="escalation",
        parked_id=f"{consumer}.{position}",
        consumer=consumer,
        topic="lonewatch.visits.v1",
        shard=3,
        position=position,
        record_type="visit.check_in_missed.v1",
        record_stream_id=f"visit-{VISIT}",
        visit_id=VISIT,
        site_id="north",
        reason="undecodable",
        detail="data.due_at",
        sha256="0" * 64,
        behind=behind,
    )


def lapsed(*asks: Ask) -> Event:
    return escalations.EscalationLapsed(
        escalation_id=ESCALATION, visit_id=VISIT, worker_id=WALT, site_id="north", reason="visit_started", asks=asks
    )


DEADLINE_FAILED = troubles.DeadlineFailed(
    service="checkin",
    deadline_stream_id=f"visit-{VISIT}",
    kind="missed",
    subject="",
    due_at=DEADLINE,
    visit_id=VISIT,
    site_id="north",
    reason="value_error",
    detail="evolve",
)
