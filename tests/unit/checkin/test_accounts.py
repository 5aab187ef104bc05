"""Passwords, sessions and the lock: who may sign in, and when nobody may for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.checkin.domain import (
    MOST_WRONG,
    WORKER,
    AskForHelpWithoutVisit,
    EndSessions,
    LockSignIn,
    RemovePassword,
    SetPassword,
    SignIn,
    WorkerCommand,
)
from services.checkin.domain.signing_in import FIRST_LOCK, LONGEST_LOCK, MOST_SESSIONS
from shared.contracts.accounts import PasswordRemoved, PasswordSet, SignedIn, SignedOut, SignInLocked
from shared.contracts.visits import WorkerHelpRequested, WorkerRegistered
from tests.support.given import given
from tests.unit.checkin.examples import NOTE, SECOND, T0

ANNA = WorkerRegistered(worker_id="anna", site_id="site1", name=NOTE)
SET = PasswordSet(worker_id="anna")
SIGN_IN = SignIn("session1", right=True, now=T0)
SIGNED_IN = SignedIn(worker_id="anna", session_id="session1")
WRONG = SignIn("session1", right=False, now=T0)
LOCK = LockSignIn(MOST_WRONG, T0)


def setting(*, right: bool | None = None, is_login: bool = False, taken: bool = False) -> SetPassword:
    return SetPassword(right, is_login, taken, T0)


def locked(until: timedelta = FIRST_LOCK) -> SignInLocked:
    return SignInLocked(worker_id="anna", failures=MOST_WRONG, until_at=T0 + until)


def test_whoever_has_a_password_signs_in_with_it() -> None:
    assert given(WORKER, ANNA, SET).when(SIGN_IN) == [SIGNED_IN]


@pytest.mark.parametrize("right", [True, None])
def test_a_password_is_set_by_an_administrator_or_with_the_current_one(right: bool | None) -> None:  # noqa: FBT001 -- a parameter of the test
    assert given(WORKER, ANNA).when(setting(right=right)) == [SET]


def test_nothing_is_done_with_a_password_that_may_not_be() -> None:
    assert given(WORKER, ANNA, SET).rejected(WRONG) == "wrong_login_or_password"
    assert given(WORKER, ANNA).rejected(SIGN_IN) == "wrong_login_or_password"
    assert given(WORKER, ANNA, SET, PasswordRemoved(worker_id="anna")).rejected(SIGN_IN) == "wrong_login_or_password"
    assert given(WORKER, ANNA, SET).rejected(setting(right=False)) == "current_password_wrong"
    assert given(WORKER, ANNA).rejected(setting(is_login=True)) == "password_is_login"
    assert given(WORKER, ANNA).rejected(setting(taken=True)) == "login_taken"


@pytest.mark.parametrize("command", [SIGN_IN, LOCK, setting(), RemovePassword(T0), EndSessions(None, T0)])
def test_somebody_who_is_not_known_has_no_password(command: WorkerCommand) -> None:
    assert given(WORKER).rejected(command) == "worker_unknown"


@pytest.mark.parametrize("command", [SIGN_IN, WRONG, setting(right=True), setting(right=False)])
def test_while_it_is_locked_no_password_is_judged(command: WorkerCommand) -> None:
    assert given(WORKER, ANNA, SET, locked()).rejected(command) == "sign_in_locked"


def test_an_administrator_sets_a_password_while_it_is_locked_and_that_unlocks() -> None:
    person = given(WORKER, ANNA, SET, locked())
    assert person.then(setting()).when(SIGN_IN) == [SIGNED_IN]


def test_a_lock_ends_at_its_instant() -> None:
    person = given(WORKER, ANNA, SET, locked())
    before, at = (SignIn("session1", right=True, now=T0 + FIRST_LOCK - wait) for wait in (SECOND, 0 * SECOND))
    assert person.rejected(before) == "sign_in_locked"
    assert person.when(at) == [SIGNED_IN]


def test_one_wrong_password_less_than_too_many_locks_nothing() -> None:
    assert given(WORKER, ANNA, SET).when(LockSignIn(MOST_WRONG - 1, T0)) == []


def test_each_further_lock_lasts_twice_as_long_up_to_the_longest() -> None:
    person, now, lasted = given(WORKER, ANNA, SET), T0, []
    for _ in range(7):
        command = LockSignIn(MOST_WRONG, now)
        [lock] = person.when(command)
        assert isinstance(lock, SignInLocked)
        lasted.append(lock.until_at - now)
        assert person.then(command).when(command) == [], "while it is locked it is not locked again"
        person, now = person.then(command), lock.until_at
    assert lasted == [*(FIRST_LOCK * factor for factor in (1, 2, 4, 8)), *[LONGEST_LOCK] * 3]


def test_signing_in_makes_the_next_lock_a_first_one() -> None:
    person = given(WORKER, ANNA, SET, locked(-SECOND), locked(-SECOND), SIGNED_IN)
    assert person.when(LOCK) == [locked()]


def test_no_lock_keeps_a_call_for_help_out() -> None:
    called = WorkerHelpRequested(worker_id="anna", site_id="site1", note=NOTE)
    assert given(WORKER, ANNA, SET, locked()).when(AskForHelpWithoutVisit(NOTE, T0)) == [called]


def test_a_session_ends_once() -> None:
    person = given(WORKER, ANNA, SET, SIGNED_IN)
    out = SignedOut(worker_id="anna", session_id="session1")
    assert person.when(EndSessions("session1", T0)) == [out]
    assert person.then(EndSessions("session1", T0)).when(EndSessions("session1", T0)) == []
    assert person.when(EndSessions("another", T0)) == []
    assert person.when(EndSessions(None, T0)) == [SignedOut(worker_id="anna", session_id=None)]
    assert person.then(EndSessions(None, T0)).when(EndSessions(None, T0)) == []


def test_a_password_is_removed_once_and_sessions_are_over_with_it() -> None:
    person = given(WORKER, ANNA, SET, SIGNED_IN)
    assert person.when(RemovePassword(T0)) == [PasswordRemoved(worker_id="anna")]
    assert person.then(RemovePassword(T0)).when(RemovePassword(T0)) == []
    assert person.then(RemovePassword(T0)).when(EndSessions(None, T0)) == []
    assert person.then(setting()).when(EndSessions(None, T0)) == []


def test_only_so_many_sessions_are_kept_in_mind() -> None:
    began = [SignedIn(worker_id="anna", session_id=f"s{number}") for number in range(MOST_SESSIONS + 1)]
    person = given(WORKER, ANNA, SET, *began)
    assert person.when(EndSessions("s0", T0)) == []
    assert person.when(EndSessions("s1", T0)) == [SignedOut(worker_id="anna", session_id="s1")]
