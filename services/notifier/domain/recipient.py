"""Decide when a person may be called again by one channel, and what stands of it in their stream.

The version of that stream serialises the calls of all replicas, so the ceiling holds whoever makes them. Goes into the
same append as the attempts that the call carries. Reads the newest entries alone; no clock, no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.base import Id
from shared.contracts.notifications import RecipientAttemptStarted
from shared.contracts.visits import Channel
from shared.decider import Decider, no_deadlines

NEWEST = 128
"""Entries of a person's stream that a decision reads: more than the ceiling allows by three channels in a minute."""

WITHIN = timedelta(seconds=60)
"""Over how long calls are counted."""

FEW = 8
"""Calls in that time up to which a person still follows each one, and repeats may go: above it, only what is new."""

GAP = timedelta(seconds=1)
"""From one call to the next while they are few: what goes wrong in one second is collected into one call."""

LONG_GAP = timedelta(seconds=2)
"""From one call to the next above that: with the few before it never more than 34 a minute. Something new waits no longer,
so that a missed check-in is still in somebody's hands within 3 s when one comes each second."""


@dataclass(frozen=True)
class CallRecipient:
    """Enter a call that carries these notifications."""

    recipient_id: Id
    call_id: Id
    """Of its one message, or of the bundle."""
    notification_ids: tuple[Id, ...]
    attempt: int
    """The lowest of what it carries."""
    channel: Channel
    floor: bool
    """Whether an exhausted ladder is among it: its repeats go on, whatever else was said."""
    now: datetime


@dataclass(frozen=True)
class Recipient:
    """The newest calls to a person, oldest first."""

    calls: tuple[RecipientAttemptStarted, ...] = ()

    def carried(self, call_id: str) -> tuple[str, ...]:
        """Return the notifications of the newest call with this id; none where it is too long ago."""
        return next((call.notification_ids for call in reversed(self.calls) if call.message_id == call_id), ())

    def may_start_at(self, channel: Channel, now: datetime, *, repeat: bool, floor: bool = False) -> datetime:
        """Return when the next call by a channel may start: ``now`` where it may at once.

        Something new waits for the gap alone, and so does a repeat on the ``floor``. What others start meanwhile may
        put it off again.
        """
        recent = self._recent(channel, now)
        if not recent:
            return now
        many = len(recent) >= FEW
        earliest = max(now, recent[-1] + (LONG_GAP if many else GAP))
        if repeat and many and not floor:
            return max(earliest, recent[-FEW] + WITHIN)
        return earliest

    def _recent(self, channel: Channel, now: datetime) -> list[datetime]:
        """Return when the calls that count were made, oldest first.

        One far ahead of now is of a clock that was set back since; it would silence the person until then.
        """
        return sorted(
            call.started_at
            for call in self.calls
            if call.channel == channel
            and call.started_at is not None
            and now - WITHIN < call.started_at <= now + LONG_GAP
        )


def decide(command: CallRecipient, state: Recipient) -> list[RecipientAttemptStarted]:
    """Return the entry, or nothing where the call may not start yet: ``may_start_at`` says when."""
    repeat = command.attempt > 1
    if state.may_start_at(command.channel, command.now, repeat=repeat, floor=command.floor) > command.now:
        return []
    return [
        RecipientAttemptStarted(
            recipient_id=command.recipient_id,
            message_id=command.call_id,
            notification_ids=command.notification_ids,
            attempt=command.attempt,
            channel=command.channel,
            started_at=command.now,
        )
    ]


def evolve(state: Recipient, event: RecipientAttemptStarted) -> Recipient:
    """Return the state after a call."""
    return Recipient((*state.calls, event)[-NEWEST:])


RECIPIENT: Decider[CallRecipient, RecipientAttemptStarted, Recipient] = Decider(
    Recipient(), decide, evolve, no_deadlines
)
"""The stream ``recipient-<worker>``."""
