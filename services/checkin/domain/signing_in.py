"""Decide about a person's password and sessions: who may sign in, and when nobody may for a while.

What is right and how often it was wrong is counted outside; here stands what follows. A lock is about signing in and
about nothing else: tokens, sessions that are there and calls for help never look at it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from shared.contracts.accounts import PasswordRemoved, PasswordSet, SignedIn, SignedOut, SignInLocked
from shared.contracts.base import Event
from shared.decider import Rejected

MOST_WRONG = 5
"""Wrong passwords until signing in is locked: more than anybody mistypes, far fewer than it takes to guess."""

WRONG_WITHIN = timedelta(minutes=15)
"""The span within which they count."""

FIRST_LOCK = timedelta(minutes=1)
"""How long the first lock lasts; each further one twice as long as the one before."""

LONGEST_LOCK = timedelta(minutes=15)
"""No lock lasts longer: whoever guesses gets some five hundred tries a day, and the person waits no longer than this."""

MOST_SESSIONS = 50
"""Session ids that are kept in mind: far more than anybody has at once, so that a long history stays quick to read."""


@dataclass(frozen=True)
class SetPassword:
    """Record that a person has a password, or another one. ``current_right`` is None where an administrator sets it."""

    current_right: bool | None
    is_login: bool
    """Whether the new password is the login itself."""
    login_taken: bool
    """Whether somebody else signs in by this login."""
    now: datetime


@dataclass(frozen=True)
class RemovePassword:
    """Record that a person has no password any more."""

    now: datetime


@dataclass(frozen=True)
class SignIn:
    """Begin a session where the password was right."""

    session_id: str
    right: bool
    now: datetime


@dataclass(frozen=True)
class EndSessions:
    """End one session of a person, or all (None)."""

    session_id: str | None
    now: datetime


@dataclass(frozen=True)
class LockSignIn:
    """Let nobody sign in for a while where too many passwords were wrong."""

    failures: int
    now: datetime


@dataclass(frozen=True)
class Signing:
    """Whether a person has a password, which sessions began lately, and the newest lock."""

    has_password: bool = False
    session_ids: tuple[str, ...] = ()
    """The newest that were not ended; some have expired."""
    locked_until_at: datetime | None = None
    locks: int = 0
    """Since somebody signed in or the password was set."""

    def locked(self, now: datetime) -> bool:
        """Say whether nobody may sign in at this instant."""
        return self.locked_until_at is not None and now < self.locked_until_at


NEVER = Signing()
"""Somebody who has no password."""


def decide(
    command: SetPassword | RemovePassword | SignIn | EndSessions | LockSignIn, worker_id: str, signing: Signing
) -> list[Event]:
    """Return what follows from a command for a known person. Raises Rejected where a rule says no."""
    match command:
        case SetPassword():
            return _set(command, worker_id, signing)
        case RemovePassword():
            return [PasswordRemoved(worker_id=worker_id)] if signing.has_password else []
        case SignIn(session_id=session_id, right=right, now=now):
            if signing.locked(now):  # whether it was right is not said while signing in is locked
                raise Rejected("sign_in_locked")
            if not (right and signing.has_password):
                raise Rejected("wrong_login_or_password")
            return [SignedIn(worker_id=worker_id, session_id=session_id)]
        case EndSessions(session_id=None):
            return [SignedOut(worker_id=worker_id, session_id=None)] if signing.session_ids else []
        case EndSessions(session_id=session_id):
            known = session_id in signing.session_ids
            return [SignedOut(worker_id=worker_id, session_id=session_id)] if known else []
        case LockSignIn():
            return _lock(command, worker_id, signing)
        case _:
            assert_never(command)


def _set(command: SetPassword, worker_id: str, signing: Signing) -> list[Event]:
    if command.current_right is not None and signing.locked(command.now):
        raise Rejected("sign_in_locked")
    if command.current_right is False:
        raise Rejected("current_password_wrong")
    if command.is_login:
        raise Rejected("password_is_login")
    if command.login_taken:
        raise Rejected("login_taken")
    return [PasswordSet(worker_id=worker_id)]


def _lock(command: LockSignIn, worker_id: str, signing: Signing) -> list[Event]:
    if command.failures < MOST_WRONG or signing.locked(command.now):
        return []
    lasts = min(FIRST_LOCK * 2 ** min(signing.locks, 10), LONGEST_LOCK)
    return [SignInLocked(worker_id=worker_id, failures=command.failures, until_at=command.now + lasts)]


def evolve(signing: Signing, event: Event) -> Signing:
    """Return what holds after an event; what is not about signing in changes nothing."""
    match event:
        case PasswordSet():
            return Signing(has_password=True)
        case PasswordRemoved():
            return NEVER
        case SignedIn(session_id=session_id):
            newest = (*signing.session_ids, session_id)[-MOST_SESSIONS:]
            return replace(signing, session_ids=newest, locks=0)
        case SignedOut(session_id=None):
            return replace(signing, session_ids=())
        case SignedOut(session_id=session_id):
            left = tuple(one for one in signing.session_ids if one != session_id)
            return replace(signing, session_ids=left)
        case SignInLocked(until_at=until_at):
            return replace(signing, locked_until_at=until_at, locks=signing.locks + 1)
        case _:
            return signing
