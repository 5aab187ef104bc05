"""Events of checkin about how people show who they are. Topic ``lonewatch.visits.v1``, stream ``worker-…``: no secret."""

from __future__ import annotations

from typing import ClassVar

from shared.contracts.base import Event, Id, Instant


class TokenIssued(Event):
    """A bearer token was issued to a person; the token itself is nowhere in the log."""

    type: ClassVar[str] = "worker.token_issued.v1"
    worker_id: Id
    token_id: Id


class TokenRevoked(Event):
    """A bearer token of a person stands for nobody any more: a phone was lost or stolen."""

    type: ClassVar[str] = "worker.token_revoked.v1"
    worker_id: Id
    token_id: Id


class PasswordSet(Event):
    """A person can sign in with a password from now on; neither it nor the name to sign in with is in the log."""

    type: ClassVar[str] = "worker.password_set.v1"
    worker_id: Id


class PasswordRemoved(Event):
    """A person can no longer sign in with a password."""

    type: ClassVar[str] = "worker.password_removed.v1"
    worker_id: Id


class SignedIn(Event):
    """A person signed in with their password; the session itself is nowhere in the log."""

    type: ClassVar[str] = "worker.signed_in.v1"
    worker_id: Id
    session_id: Id


class SignedOut(Event):
    """A session of a person was ended: by them, or by an administrator."""

    type: ClassVar[str] = "worker.signed_out.v1"
    worker_id: Id
    session_id: Id | None
    """None for every session of theirs."""


class SignInLocked(Event):
    """Too many wrong passwords: nobody signs in as this person until then. Tokens, sessions and help are untouched."""

    type: ClassVar[str] = "worker.sign_in_locked.v1"
    worker_id: Id
    failures: int
    until_at: Instant


EVENTS: tuple[type[Event], ...] = (
    TokenIssued,
    TokenRevoked,
    PasswordSet,
    PasswordRemoved,
    SignedIn,
    SignedOut,
    SignInLocked,
)
