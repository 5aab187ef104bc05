"""What every contract is made of: frozen models, opaque ids, sealed fields, citations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$")]
"""An opaque id: safe in an address, a header and a stream id; says nothing about a person.

Some are made of others (escalation, notification, message), so an id may be longer than what comes from outside.
"""

GivenId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
"""An id that somebody outside may choose: short enough that every id made of it is an Id."""

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A word that machines compare: a reason, an outcome, a way. Never prose, never personal data."""

_NOT_IN_A_LINE = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
"""Control characters and the separators of lines and paragraphs, as a class of a regular expression has them."""

Line = Annotated[
    str, Field(max_length=200, pattern=f"^[^{_NOT_IN_A_LINE}]*[^{_NOT_IN_A_LINE}\\s][^{_NOT_IN_A_LINE}]*$")
]
"""A text for people that fits into a mail's subject: one line, not empty, no control characters."""

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Within these an instant is taken from outside: within reach of any visit. Others are mistakes, and the far ends of the
calendar cannot be counted on."""

GivenInstant = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]
"""An instant as somebody outside gives it."""

Instant = AwareDatetime
"""An instant, UTC-aware, on the wire RFC 3339."""

Span = timedelta
"""A span of time, on the wire ISO 8601 (``PT5M``)."""

OPERATOR_SITE = "operator"
"""The site id under which grants hold for every site of the operator."""


class Contract(BaseModel):
    """A frozen value that crosses a boundary. Unknown members are kept out of it, so that older readers go on reading."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_timedelta="iso8601")


class Event(Contract):
    """A fact. ``type`` is its name on the wire for good, never a Python path."""

    type: ClassVar[str]


class Sealed(Contract):
    """A field that only the holder of one person's key can open: AES-256-GCM, as base64url without padding.

    ``kid`` is the SHA-256 of the key, so no other key can later be claimed for it.
    """

    kid: str
    nonce: str
    ct: str

    def __repr__(self) -> str:
        """Show that something is sealed, and under which key, and nothing else."""
        return f"Sealed({self.kid[:8]})"

    __str__ = __repr__


class Cites(Contract):
    """Where a rule comes from: clauses of the operator's policy, rows of the requirement table, or a default of ours."""

    clauses: tuple[Line, ...] = ()
    requirements: tuple[Line, ...] = ()
    ours: bool = False


def join_cites(*several: Cites) -> Cites:
    """Return all that several rules cite, each once, in their order."""
    return Cites(
        clauses=tuple(dict.fromkeys(clause for cites in several for clause in cites.clauses)),
        requirements=tuple(dict.fromkeys(row for cites in several for row in cites.requirements)),
        ours=any(cites.ours for cites in several),
    )


def stream_of(kind: str, subject_id: str) -> str:
    """Return the stream id of one thing, as ``visit-018f…``."""
    return f"{kind}-{subject_id}"
