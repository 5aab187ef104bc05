"""Decide about a person: that they are known, how to reach them, by what they are known, their call for help without a visit.

Names and addresses come sealed; no token, session, login or password comes here at all, only ids and whether it was right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.checkin.domain import signing_in
from services.checkin.domain.signing_in import (
    NEVER,
    EndSessions,
    LockSignIn,
    RemovePassword,
    SetPassword,
    SignIn,
    Signing,
)
from shared.contracts.accounts import TokenIssued, TokenRevoked
from shared.contracts.base import OPERATOR_SITE, Event, Sealed
from shared.contracts.visits import ContactPoint, ContactPointsSet, WorkerHelpRequested, WorkerRegistered
from shared.decider import Decider, Rejected, no_deadlines


@dataclass(frozen=True)
class RegisterWorker:
    """Make a person known: whoever works, watches or is reached. ``site_known`` is true for the operator."""

    worker_id: str
    site_id: str
    name: Sealed
    site_known: bool
    now: datetime


@dataclass(frozen=True)
class SetContactPoints:
    """Say how a person is reached from now on: the whole list, in the order in which to try."""

    contact_points: tuple[ContactPoint, ...]
    now: datetime


@dataclass(frozen=True)
class IssueToken:
    """Record that a bearer token was issued to a person."""

    token_id: str
    now: datetime


@dataclass(frozen=True)
class RevokeToken:
    """Record that a token stands for its person no more."""

    token_id: str
    now: datetime


@dataclass(frozen=True)
class AskForHelpWithoutVisit:
    """A person asks for help who is on no visit, or whose visit is not known.

    ``caller_id`` is given where somebody calls for themselves: then nothing that cannot be read of them keeps the call out.
    """

    note: Sealed | None
    now: datetime
    caller_id: str | None = None


SigningCommand = SetPassword | RemovePassword | SignIn | EndSessions | LockSignIn
"""What concerns the person's password and sessions."""

WorkerCommand = RegisterWorker | SetContactPoints | IssueToken | RevokeToken | AskForHelpWithoutVisit | SigningCommand
"""Everything that a worker's stream decides."""


@dataclass(frozen=True)
class Worker:
    """A person, or nobody yet."""

    registered: WorkerRegistered | None = None
    contact_points: tuple[ContactPoint, ...] = ()
    token_ids: tuple[str, ...] = ()
    """Tokens that stand for the person."""
    revoked_token_ids: tuple[str, ...] = ()
    signing: Signing = NEVER
    """Their password, their sessions, and whether signing in is locked."""


def decide(command: WorkerCommand, worker: Worker) -> list[Event]:
    """Return what follows from a command; nothing where it is a repeat. Raises Rejected where a rule says no."""
    match command:
        case RegisterWorker():
            return _register(command, worker)
        case SetContactPoints():
            return _set_contact_points(command, worker)
        case IssueToken():
            registered = _registered(worker)
            if command.token_id in (*worker.token_ids, *worker.revoked_token_ids):
                return []
            return [TokenIssued(worker_id=registered.worker_id, token_id=command.token_id)]
        case RevokeToken():
            return _revoke(command, worker)
        case AskForHelpWithoutVisit():
            return [_ask_for_help(command, worker)]
        case SetPassword() | RemovePassword() | SignIn() | EndSessions() | LockSignIn():
            return signing_in.decide(command, _registered(worker).worker_id, worker.signing)
        case _:
            assert_never(command)


def _registered(worker: Worker) -> WorkerRegistered:
    """Return who it is. Raises Rejected where nobody is known by this id."""
    if worker.registered is None:
        raise Rejected("worker_unknown")
    return worker.registered


def _register(command: RegisterWorker, worker: Worker) -> list[Event]:
    registered = WorkerRegistered(worker_id=command.worker_id, site_id=command.site_id, name=command.name)
    if worker.registered == registered:
        return []
    if worker.registered is not None:
        raise Rejected("worker_exists")
    if not command.site_known:
        raise Rejected("site_unknown")
    return [registered]


def _set_contact_points(command: SetContactPoints, worker: Worker) -> list[Event]:
    registered, points = _registered(worker), command.contact_points
    if points == worker.contact_points:
        return []
    if len({point.contact_point_id for point in points}) < len(points):
        raise Rejected("contact_point_twice")
    return [ContactPointsSet(worker_id=registered.worker_id, contact_points=points)]


def _ask_for_help(command: AskForHelpWithoutVisit, worker: Worker) -> WorkerHelpRequested:
    """Take a call for help. Where nobody can read who the caller is, it is for whoever looks after all sites."""
    if worker.registered is None and command.caller_id is not None:
        return WorkerHelpRequested(worker_id=command.caller_id, site_id=OPERATOR_SITE, note=command.note)
    registered = _registered(worker)
    return WorkerHelpRequested(worker_id=registered.worker_id, site_id=registered.site_id, note=command.note)


def _revoke(command: RevokeToken, worker: Worker) -> list[Event]:
    registered = _registered(worker)
    if command.token_id in worker.revoked_token_ids:
        return []
    if command.token_id not in worker.token_ids:
        raise Rejected("token_unknown")
    return [TokenRevoked(worker_id=registered.worker_id, token_id=command.token_id)]


def evolve(worker: Worker, event: Event) -> Worker:
    """Return the person after an event. A call for help changes nothing here: escalation follows it."""
    match event:
        case WorkerRegistered():
            return replace(worker, registered=event)
        case ContactPointsSet():
            return replace(worker, contact_points=event.contact_points)
        case TokenIssued():
            return replace(worker, token_ids=(*worker.token_ids, event.token_id))
        case TokenRevoked(token_id=token_id):
            left = tuple(one for one in worker.token_ids if one != token_id)
            return replace(worker, token_ids=left, revoked_token_ids=(*worker.revoked_token_ids, token_id))
        case _:
            return replace(worker, signing=signing_in.evolve(worker.signing, event))


WORKER = Decider(Worker(), decide, evolve, no_deadlines)
"""The decider of a ``worker-…`` stream."""
