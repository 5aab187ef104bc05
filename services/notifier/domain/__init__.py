"""What notifier decides, by stream: a notification, the person called; and the fold of whoever asked. Pure: no IO."""

from services.notifier.domain.asker import ANSWERABLE, OFFERS, Asker, asker_of, unanswerable, unwanted
from services.notifier.domain.bundle import Candidate, call_id_of, to_call
from services.notifier.domain.commands import (
    AttemptTimesOut,
    NotificationCommand,
    Queue,
    ReceiveReply,
    RecordAccepted,
    RecordFailed,
    RecordUnknown,
    StartAttempt,
)
from services.notifier.domain.notification import ATTEMPT_LASTS, ATTEMPTS, NOTIFICATION, REFUSALS, WAITS
from services.notifier.domain.recipient import NEWEST, RECIPIENT, CallRecipient, Recipient
from services.notifier.domain.state import Notification, NotificationEvent, Sending

__all__ = [
    "ANSWERABLE",
    "ATTEMPTS",
    "ATTEMPT_LASTS",
    "NEWEST",
    "NOTIFICATION",
    "OFFERS",
    "RECIPIENT",
    "REFUSALS",
    "WAITS",
    "Asker",
    "AttemptTimesOut",
    "CallRecipient",
    "Candidate",
    "Notification",
    "NotificationCommand",
    "NotificationEvent",
    "Queue",
    "ReceiveReply",
    "Recipient",
    "RecordAccepted",
    "RecordFailed",
    "RecordUnknown",
    "Sending",
    "StartAttempt",
    "asker_of",
    "call_id_of",
    "to_call",
    "unanswerable",
    "unwanted",
]
