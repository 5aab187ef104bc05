"""Decide about a person: that they are known, how to reach them, by what they are known, what they signal without a visit.

Names and addresses come sealed; no token, session, login, password or PIN comes here, only ids and whether it was right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.checkin.domain import person, signing_in
from services.checkin.domain.person import UNKNOWN, Person, RemovePins, SetCodeWords, SetPhones, SetPins
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
from shared.contracts.ladders import Situation
from shared.contracts.situations import WorkerDuressSignalled, WorkerSituationReported
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


@dataclass(frozen=True)
class ReportSituationWithoutVisit:
    """A person says what is the matter who is on no visit, or whose visit is not known. ``caller_id`` as in a call for help."""

    situation: Situation
    note: Sealed | None
    now: datetime
    caller_id: str | None = None


@dataclass(frozen=True)
class SignalDuressWithoutVisit:
    """A person used the duress PIN where there was no visit of theirs. Nothing that cannot be read of them keeps it out."""

    with_command: str
    now: datetime
    caller_id: str


SigningCommand = SetPassword | RemovePassword | SignIn | EndSessions | LockSignIn
"""What concerns the person's password and sessions."""

Signal = AskForHelpWithoutVisit | ReportSituationWithoutVisit | SignalDuressWithoutVisit
"""What a person signals without a visit."""

WorkerCommand = (
    RegisterWorker
    | SetContactPoints
    | IssueToken
    | RevokeToken
    | Signal
    | SigningCommand
    | SetPhones
    | SetCodeWords
    | SetPins
    | RemovePins
)
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
    person: Person = UNKNOWN
    """How they are rung, what is said then, and whether they have PINs."""


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
        case AskForHelpWithoutVisit() | ReportSituationWithoutVisit() | SignalDuressWithoutVisit():
            return [_signal(command, worker)]
        case SetPhones() | SetCodeWords() | SetPins() | RemovePins():
            return person.decide(command, _registered(worker).worker_id, worker.person)
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


def _signal(command: Signal, worker: Worker) -> Event:
    """Take what is signalled. Where nobody can read who the caller is, it is for whoever looks after all sites."""
    if worker.registered is None and command.caller_id is not None:
        worker_id, site_id = command.caller_id, OPERATOR_SITE
    else:
        registered = _registered(worker)
        worker_id, site_id = registered.worker_id, registered.site_id
    match command:
        case AskForHelpWithoutVisit(note=note):
            return WorkerHelpRequested(worker_id=worker_id, site_id=site_id, note=note)
        case ReportSituationWithoutVisit(situation=situation, note=note):
            return WorkerSituationReported(worker_id=worker_id, site_id=site_id, situation=situation, note=note)
        case SignalDuressWithoutVisit(with_command=with_command):
            return WorkerDuressSignalled(worker_id=worker_id, site_id=site_id, with_command=with_command)
        case _:
            assert_never(command)


def _revoke(command: RevokeToken, worker: Worker) -> list[Event]:
    registered = _registered(worker)
    if command.token_id in worker.revoked_token_ids:
        return []
    if command.token_id not in worker.token_ids:
        raise Rejected("token_unknown")
    return [TokenRevoked(worker_id=registered.worker_id, token_id=command.token_id)]


def evolve(worker: Worker, event: Event) -> Worker:
    """Return the person after an event. What they signal changes nothing here: escalation follows it."""
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
            signing, known = signing_in.evolve(worker.signing, event), person.evolve(worker.person, event)
            return replace(worker, signing=signing, person=known)


WORKER = Decider(Worker(), decide, evolve, no_deadlines)
"""The decider of a ``worker-…`` stream."""
