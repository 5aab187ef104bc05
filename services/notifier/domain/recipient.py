"""Decide what stands in the stream of the person called: one entry per attempt, whose version serialises them.

Goes into the same append as the attempt's own fact, so what was called twice by two replicas is called once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from shared.contracts.base import Id
from shared.contracts.notifications import AttemptStarted, RecipientAttemptStarted
from shared.decider import Decider, no_deadlines


@dataclass(frozen=True)
class CallRecipient:
    """Enter an attempt that was decided in the notification's stream."""

    recipient_id: Id
    attempt: AttemptStarted
    now: datetime


@dataclass(frozen=True)
class Recipient:
    """What a person's stream says: how many attempts to reach them there were, and how many of them were repeats."""

    attempts: int = 0
    repeats: int = 0


def decide(command: CallRecipient, _state: Recipient) -> list[RecipientAttemptStarted]:
    """Return the entry. Nothing is refused here: how often a message goes again is bounded by its own stream."""
    started = command.attempt
    return [
        RecipientAttemptStarted(
            recipient_id=command.recipient_id,
            message_id=started.message_id,
            notification_ids=(started.notification_id,),
            attempt=started.attempt,
            channel=started.channel,
        )
    ]


def evolve(state: Recipient, event: RecipientAttemptStarted) -> Recipient:
    """Return the state after an attempt."""
    return replace(state, attempts=state.attempts + 1, repeats=state.repeats + (event.attempt > 1))


RECIPIENT: Decider[CallRecipient, RecipientAttemptStarted, Recipient] = Decider(
    Recipient(), decide, evolve, no_deadlines
)
"""The stream ``recipient-<worker>``."""
