"""Which of the messages that are due for one contact point go out in one call, and under which id. Pure: no IO.

Something new goes before any repeat and is never mixed with one. A repeat of which nobody knows whether it arrived is the
same set as before, as far as it is still due, so that whoever receives it twice can tell by its id; what was refused for
certain goes with all else that was, or after an outage of the provider one by one would take an hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from services.notifier.domain.state import Notification, Sending
from shared.contracts.base import Code, Id
from shared.contracts.notifications import MOST_BUNDLED

_DIGITS = 40
"""Hexadecimal digits of a bundle's id: beyond coincidence, and it fits into the header of a mail."""


@dataclass(frozen=True)
class Candidate:
    """A message that is due for a contact point, with what its notification and whoever asked for it say now."""

    stream_id: Id
    notification: Notification
    message_id: Id
    unwanted: Code | None

    @property
    def sending(self) -> Sending | None:
        """How far the message has come."""
        return self.notification.sending(self.message_id)

    def startable(self, now: datetime) -> bool:
        """Say whether an attempt may start: its time has come, and somebody still wants it."""
        sending = self.sending
        if sending is None or sending.send_at is None or self.notification.withdrawn or self.unwanted is not None:
            return False
        return sending.send_at <= now

    @property
    def attempts(self) -> int:
        """How often it was tried."""
        return 0 if self.sending is None else self.sending.attempts

    @property
    def refused(self) -> bool:
        """Whether the provider certainly did not take the last attempt."""
        return self.sending is not None and self.sending.refused

    @property
    def floor(self) -> bool:
        """Whether it is of an exhausted ladder."""
        return self.notification.queued is not None and self.notification.queued.kind == "exhausted"


def call_id_of(message_ids: Iterable[str]) -> str:
    """Return the id of a call that carries these messages: of one message its own, of several made of theirs."""
    several = sorted(set(message_ids))
    if len(several) == 1:
        return several[0]
    return f"bundle-{sha256(' '.join(several).encode()).hexdigest()[:_DIGITS]}"


def to_call(candidates: Sequence[Candidate], now: datetime) -> tuple[Candidate, ...]:
    """Return what the next call carries, in the order given: what is new, else what repeats with the first."""
    startable = [candidate for candidate in candidates if candidate.startable(now)]
    new = [candidate for candidate in startable if candidate.attempts == 0]
    if new or not startable:
        return tuple(new[:MOST_BUNDLED])
    first, before = startable[0], startable[0].sending
    if first.refused:  # of the floor apart from the others, which wait longer
        return tuple(one for one in startable if one.refused and one.floor == first.floor)[:MOST_BUNDLED]
    if before is None or before.call_id is None:
        return (startable[0],)
    return tuple(
        candidate
        for candidate in startable
        if candidate.sending is not None and candidate.sending.call_id == before.call_id
    )[:MOST_BUNDLED]
