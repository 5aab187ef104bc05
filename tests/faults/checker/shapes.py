"""What the checker reads in each type of event, and of which kind: written down here once more, on purpose. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from tests.faults.checker.history import PARKED, instant

Kind: TypeAlias = Callable[[Any], bool]


def text(value: Any) -> bool:
    """Say whether it is a text."""
    return isinstance(value, str)


def whole(value: Any) -> bool:
    """Say whether it is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def moment(value: Any) -> bool:
    """Say whether it is an instant with its zone."""
    try:
        return isinstance(value, str) and instant(value) is not None
    except ValueError:
        return False


def perhaps(kind: Kind) -> Kind:
    """Return the kind that may also be null, or missing."""
    return lambda value: value is None or kind(value)


def several(kind: Kind) -> Kind:
    """Return the kind of a list."""
    return lambda value: isinstance(value, list) and all(kind(item) for item in value)


def having(**members: Kind) -> Kind:
    """Return the kind of an object that has these members."""
    return lambda value: isinstance(value, dict) and all(kind(value.get(name)) for name, kind in members.items())


ASKS = several(having(notification_id=text, worker_id=text))
EPISODE = {"escalation_id": text}
ENDED = having(**EPISODE, asks=ASKS)
LADDER = perhaps(having(steps=several(having())))
ATTEMPT = {"notification_id": text, "message_id": text, "attempt": whole}
SETTLED = having(parked_id=text)

SHAPES: Mapping[str, Kind] = MappingProxyType(
    {
        "visit.planned.v1": having(grace=text),
        "visit.started.v1": having(due_at=moment),
        "visit.check_in_recorded.v1": having(met_due_at=moment, due_at=moment),
        "visit.extended.v1": having(met_due_at=perhaps(moment), due_at=perhaps(moment)),
        "visit.watch_resumed.v1": having(**EPISODE, due_at=moment),
        "visit.check_in_missed.v1": having(due_at=moment, missed_at=moment, late=perhaps(text)),
        "visit.reminder_due.v1": having(reminder_id=text, worker_id=text),
        "escalation.opened.v1": having(**EPISODE, trigger=text, trigger_event_id=text, ladder_no=whole, ladder=LADDER),
        "escalation.joined.v1": having(
            **EPISODE, trigger=text, trigger_event_id=text, ladder_no=perhaps(whole), ladder=LADDER, asks=ASKS
        ),
        "escalation.step_started.v1": having(**EPISODE, ladder_no=whole, step=whole, next_at=moment, asks=ASKS),
        "escalation.exhausted.v1": having(**EPISODE, ladder_no=whole, round=whole, next_at=moment, asks=ASKS),
        "escalation.step_reached_nobody.v1": having(**EPISODE, ladder_no=whole, turn=whole, next_at=moment),
        "escalation.acknowledged.v1": having(**EPISODE, ladders=several(whole), runs_out_at=moment),
        "escalation.acknowledgement_ran_out.v1": having(**EPISODE, next_at=moment, asks=ASKS),
        "escalation.resolved.v1": ENDED,
        "escalation.stood_down.v1": ENDED,
        "escalation.lapsed.v1": ENDED,
        "notification.queued.v1": having(
            notification_id=text,
            recipient_id=text,
            kind=text,
            asked_by=text,
            ladder_no=perhaps(whole),
            messages=several(having(message_id=text)),
        ),
        "notification.attempt_started.v1": having(**ATTEMPT, call_id=perhaps(text)),
        "notification.attempt_accepted.v1": having(**ATTEMPT),
        "notification.withdrawn.v1": having(notification_id=text),
        "notification.not_reached.v1": having(notification_id=text),
        "recipient.attempt_started.v1": having(
            recipient_id=text,
            message_id=text,
            notification_ids=several(text),
            attempt=whole,
            channel=text,
            started_at=perhaps(moment),
        ),
        PARKED: having(
            service=text,
            parked_id=text,
            consumer=text,
            topic=text,
            shard=whole,
            position=whole,
            record_type=text,
            record_stream_id=text,
            visit_id=perhaps(text),
            reason=text,
            sha256=text,
            behind=perhaps(text),
        ),
        "trouble.record_mended.v1": SETTLED,
        "trouble.record_replayed.v1": SETTLED,
        "trouble.record_discarded.v1": SETTLED,
        "trouble.deadline_failed.v1": having(visit_id=perhaps(text)),
        "trouble.self_check_differed.v1": having(visit_id=perhaps(text)),
        "trouble.outage_recorded.v1": having(service=text, from_at=moment, to_at=moment, overdue=whole),
    }
)
"""Type to the kind of its data. Of other types nothing is read but the envelope."""

ENVELOPE = having(
    position=whole,
    type=text,
    stream_id=text,
    version=whole,
    visit_id=perhaps(text),
    event_id=text,
    correlation_id=text,
    causation_id=perhaps(text),
    actor=text,
    recorded_at=moment,
    data=having(),
)


def readable(members: Mapping[str, Any]) -> bool:
    """Say whether the checker understands a record as far as it reads it."""
    return ENVELOPE(members) and SHAPES.get(members["type"], having())(members["data"])
