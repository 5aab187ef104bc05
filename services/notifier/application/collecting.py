"""What is due for one person by one channel, as this process has collected it, and what of it goes next. Does no IO.

Nothing rests on it: every message in it has a deadline of its own, which brings it back to whoever looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

Key = tuple[str, str]
"""The stream of a notification, and one message of it."""

Place = tuple[str, str]
"""A person and a channel: calls there go one after another."""


@dataclass(frozen=True)
class Waiting:
    """A message that is due."""

    stream_id: str
    message_id: str
    recipient_id: str
    contact_point_id: str
    channel: str
    send_at: datetime
    repeat: bool
    floor: bool = False
    """Of an exhausted ladder."""
    calm: bool = False
    """Nobody has to act on it: an all-clear, a test, a reminder."""

    @property
    def key(self) -> Key:
        """Which message it is."""
        return self.stream_id, self.message_id

    @property
    def place(self) -> Place:
        """Where it waits."""
        return self.recipient_id, self.channel

    @property
    def rank(self) -> tuple[bool, bool, bool, datetime]:
        """Return what is sorted by: what is new first, alarms before what is calm, then the floor, the oldest first."""
        return self.repeat, self.calm, self.repeat and not self.floor, self.send_at


@dataclass
class Mailbox:
    """All that waits at one place."""

    waiting: dict[Key, Waiting] = field(default_factory=dict)

    def put(self, waiting: Waiting) -> None:
        """Keep a message until it is taken out."""
        self.waiting[waiting.key] = waiting

    def next(self) -> list[Waiting]:
        """Return what could go together, oldest first: all that is new for one contact point, else its repeats."""
        ranked = sorted(self.waiting.values(), key=lambda one: one.rank)
        return [
            one
            for one in ranked
            if (one.contact_point_id, one.repeat) == (ranked[0].contact_point_id, ranked[0].repeat)
        ]
