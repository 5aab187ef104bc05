"""What the checker reads in each type of event, and of which kind: written down here once more, on purpose. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tests.faults.checker.history import PARKED
from tests.faults.checker.kinds import Kind, having, moment, perhaps, several, text, whole

ASKS = several(having(notification_id=text, worker_id=text))
EPISODE = {"escalation_id": text}
ENDED = having(**EPISODE, asks=ASKS)
TIME = perhaps(having(span=perhaps(text)))
OUTCOME = having(code=text, leads_to=perhaps(text), after=perhaps(text), raises=perhaps(text))
TASK = perhaps(having(outcomes=several(OUTCOME), take_within=TIME, finish_within=TIME))
STEP = having(key=perhaps(text), then=perhaps(text), wait=perhaps(text), task=TASK)
LADDER = perhaps(having(steps=several(STEP), repeat_every=TIME))
OF_TASK = {**EPISODE, "ladder_no": whole, "step": whole, "by": text}
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
            **EPISODE,
            trigger=text,
            trigger_event_id=text,
            ladder_no=perhaps(whole),
            ladder=LADDER,
            asks=ASKS,
            stopped=perhaps(several(whole)),
        ),
        "escalation.step_started.v1": having(
            **EPISODE, ladder_no=whole, step=whole, next_at=moment, asks=ASKS, passes_on_at=perhaps(moment)
        ),
        "escalation.task_taken.v1": having(**OF_TASK, handed_by=perhaps(text), passes_on_at=perhaps(moment)),
        "escalation.task_handed_over.v1": having(**OF_TASK, to=text, asks=ASKS),
        "escalation.task_passed_on.v1": having(
            **{**OF_TASK, "by": perhaps(text)}, reason=text, asks=ASKS, passes_on_at=perhaps(moment)
        ),
        "escalation.task_done.v1": having(**OF_TASK, outcome=text, next_turn=perhaps(whole), next_at=perhaps(moment)),
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
            escalation_id=perhaps(text),
            ladder_no=perhaps(whole),
            step=perhaps(whole),
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
