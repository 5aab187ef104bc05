"""How a message leaves the house: what every channel takes, gives back and raises.

A channel makes one call and says what became of it. It does not try again, keeps nothing, and knows no time but the one
it is given: when and how often are notifier's domain's to decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

CALL_LASTS = timedelta(seconds=10)
"""The longest that one call may take: below the 15 s after which an attempt without an outcome counts as unknown."""

_MESSAGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Outgoing:
    """One message to one contact point, rendered. Its ``repr`` is its id: nothing else may end in a service's log."""

    message_id: str
    """The same at every attempt: whoever receives it twice can tell."""
    sent_at: datetime
    """The log's time of this attempt."""
    address: str = field(repr=False)
    """A mail address, or an https address (http on this machine)."""
    secret: str | None = field(repr=False)
    """Signs what goes to a webhook (``whsec_…``, or base64 alone)."""
    subject: str = field(repr=False)
    text: str = field(repr=False)
    """For people, in plain text."""
    link: str | None = field(repr=False)
    """Where to act on it; a mail has it below the text, and a payload that shall have it holds it itself."""
    payload: Mapping[str, object] = field(repr=False)
    """For machines: what a webhook receives, as JSON."""
    notification_ids: tuple[str, ...] = ()
    """What it carries; a mail names each in a header, so that whoever filters mails can tell."""

    def __post_init__(self) -> None:
        """Raise ValueError for an id that could be anything but an id in a header."""
        if not _MESSAGE_ID.fullmatch(self.message_id):
            raise ValueError("message_id is not an id")


@dataclass(frozen=True)
class Receipt:
    """The provider took the message, and ``provider_ref`` is its name for it. It says nothing of a person."""

    provider_ref: str


class TransportError(Exception):
    """The message did not leave, or nobody can say whether it did.

    ``permanent``: trying again cannot help. ``unknown``: the provider may have it. ``code`` is a word for machines;
    neither it nor the text ever holds an address, a secret or what the provider answered.
    """

    def __init__(self, message: str, *, code: str, permanent: bool = False, unknown: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent
        self.unknown = unknown


class Channel(Protocol):
    """One way to reach a person."""

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Make one call. Raises TransportError where the message was not taken, or may not have been."""
        ...


def reference(offered: str | None, otherwise: str) -> str:
    """Return the provider's name for the message when it is a plain one, which no address can be; otherwise the other.

    It will stand in the log for good, in clear.
    """
    return offered if offered is not None and _REFERENCE.fullmatch(offered) else otherwise
