"""Whoever may ask something of Lonewatch, and things in the state in which each request succeeds.

All four services run in this process. What a request needs is appended by the role that owns it, so that no request
depends on another one. Which answer is right is said by the test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import asyncpg
import httpx2
from fastapi.routing import iter_route_contexts

from deploy.database import SERVICES
from shared.contracts.accounts import TokenIssued
from shared.contracts.base import OPERATOR_SITE, Event, Sealed, stream_of
from shared.contracts.grants import GrantGiven, GrantWithdrawn
from shared.contracts.roles import Role
from shared.contracts.visits import VisitEnded, WorkerRegistered
from shared.runtime.asking import COOKIE
from shared.runtime.identity import Identity
from shared.runtime.ids import new_id
from shared.runtime.links import link_code
from shared.runtime.log import Append, By, Outside, Write
from shared.runtime.web import Caller
from tests.support.history import SITE, token_of
from tests.support.services import Installation
from tests.support.things import (
    SOUTH,
    SUPERVISOR,
    of_visit,
    opened_for,
    queued_for,
    sites,
    step_of,
    tasked_for,
    visit_of,
)

ELSEWHERE, NOBODY, FORMER, REVOKED = "elsewhere", "nobody", "former", "revoked"
SIGNED_IN, ENDED = "signed-in", "ended"
"""Two sessions of the operator's administrator, of which one was ended."""

_AT = "at-operator-"

PEOPLE: Mapping[str, tuple[tuple[str, Role], ...]] = MappingProxyType(
    {
        **{f"holds-{role}": ((SITE, role),) for role in Role},
        **{f"{_AT}{role}": ((OPERATOR_SITE, role),) for role in Role},
        ELSEWHERE: tuple((SOUTH, role) for role in Role),
        NOBODY: (),
        FORMER: (),
    }
)
"""Whoever holds what where. Former was the operator's administrator and is it no more."""

OPERATORS_AUDITOR = f"{_AT}{Role.AUDITOR}"
"""Somebody whom the site looks after, and who holds a role at the operator."""

OTHERS_AT_OPERATOR = frozenset(f"{_AT}{role}" for role in Role if role is not Role.ADMINISTRATOR)
"""Whoever holds a role at the operator, but for its administrator."""


def authorization(text: str) -> Mapping[bytes, bytes]:
    """Return the header that says who is asking, as it goes over the wire."""
    return {b"Authorization": text.encode()}


def _cookie(secret: str, site: bytes) -> Mapping[bytes, bytes]:
    """Return what a browser sends of a session, and of the page that made it."""
    return {b"Cookie": f"{COOKIE}={secret}".encode(), b"Sec-Fetch-Site": site}


WITHOUT_IDENTITY: Mapping[str, Mapping[bytes, bytes]] = MappingProxyType(
    {
        "no header": {},
        "a revoked token of an administrator": authorization(f"Bearer {token_of(REVOKED)}"),
        "a token that nobody holds": authorization("Bearer made-up"),
        "a token after another": authorization(f"Bearer made-up {token_of(SUPERVISOR)}"),
        "a token that is not ASCII": authorization("Bearer schlüssel"),
        "a token alone": authorization(token_of(SUPERVISOR)),
        "another scheme": authorization(f"Basic {token_of(SUPERVISOR)}"),
        "a scheme alone": authorization("Bearer"),
        "a scheme and a space": authorization("Bearer "),
        "a session that was ended": _cookie(token_of(ENDED), b"same-origin"),
        "a session that nobody has": _cookie("made-up", b"same-origin"),
    }
)
"""Headers that identify nobody."""

FROM_ELSEWHERE = _cookie(token_of(SIGNED_IN), b"cross-site")
"""What a browser sends in which the operator's administrator is signed in, when another site's page makes it."""


class Fresh(StrEnum):
    """Stands in a request for the id of something that no other request has touched."""

    SUBJECT = "the worker whom the request is about"
    TOKEN = "a token of whoever is named"
    PLANNED = "a visit of theirs that is planned"
    APPROVED = "one that is approved"
    STARTED = "one that is under way"
    EPISODE = "an escalation about one that is under way"
    TASKED = "an escalation about one, whose first step is a task that nobody holds"
    NOTIFICATION = "a notification of that escalation"
    ENDED = "a visit of theirs that has ended"
    TEST = "a test alarm for them"
    LOGIN = "the login of the worker whom the request is about"


@dataclass(frozen=True)
class Asked:
    """One way to ask something that succeeds for whoever may."""

    route: str
    """Method and path, as the application has it."""
    fill: Mapping[str, str] = field(default_factory=dict)
    """What stands in the path's braces."""
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    at: str = SITE
    """The site whose roles count, beside those of the operator."""
    own: bool = True
    """Whether the person concerned counts as such."""
    answers: frozenset[int] = frozenset({200, 201})
    """What whoever may is answered."""

    @property
    def things(self) -> frozenset[str]:
        """What has to be made for it."""
        return frozenset({*self.fill.values(), *self.query.values()}) & frozenset(Fresh)

    def concerned(self, subject: str) -> str:
        """Return the person concerned: who is named in the path, or else a worker made for this request."""
        named = self.fill.get("worker_id", Fresh.SUBJECT)
        return subject if named == Fresh.SUBJECT else named

    @property
    def changes(self) -> bool:
        """Whether it is asked to change something."""
        return not self.route.startswith("GET ")

    @property
    def service(self) -> str:
        """Which service answers."""
        return self.route.partition(" /")[2].partition("/")[0]


@dataclass
class Desk:
    """Four services at work, and somebody who looks at what they wrote."""

    installation: Installation
    keys: asyncpg.Connection[asyncpg.Record]
    clients: Mapping[str, httpx2.AsyncClient]
    name: Sealed
    """Under nobody's own key: a person's key is there only where something of theirs was sealed."""
    subjects: int = 0

    def routes(self) -> Iterator[tuple[str, str, str]]:
        """Yield every route of every service: the service, method and path, name."""
        for service in SERVICES:
            for route in iter_route_contexts(self.installation.apps[service].routes):
                for method in (route.methods or {"ANY"}) - {"HEAD"}:
                    yield service, f"{method} {route.path}", route.name or "(no name)"

    async def written(self) -> tuple[Any, ...]:
        """Return how much there is in the log, of ids from outside, of deadlines, and in every table of the keys database."""
        in_log = await self.installation.admin.fetchrow(
            "SELECT position, (SELECT count(*) FROM log.event), (SELECT count(*) FROM log.command),"
            " (SELECT count(*) FROM log.deadline) FROM log.head"
        )
        in_keys = await self.keys.fetchrow(
            "SELECT (SELECT count(*) FROM key), count(*), count(revoked_at), (SELECT count(ended_at) FROM session),"
            " (SELECT count(*) FROM session), (SELECT count(*) FROM account), (SELECT max(set_at)::text FROM account),"
            " (SELECT count(*) FROM pin) FROM credential"
        )
        assert in_log
        assert in_keys
        return *in_log, *in_keys

    async def append(self, service: str, *writes: Write) -> None:
        """Append one command of a service, without deadlines: nothing that is prepared falls due."""
        now = await self.installation.clock.now()
        sequencer = self.installation.running[service].commands.sequencer
        await sequencer.append(Append(writes, By(f"test:{service}", new_id()), now))

    async def credential(self, worker_id: str, *, revoked: bool = False) -> None:
        """Let somebody hold their token, or no longer."""
        await self.keys.execute(
            "INSERT INTO credential (token_sha256, token_id, worker_id, revoked_at)"
            " VALUES ($1, $2, $2, CASE WHEN $3 THEN clock_timestamp() END)",
            sha256(token_of(worker_id).encode()).digest(),
            worker_id,
            revoked,
        )

    async def session(self, name: str, *, ended: bool = False) -> None:
        """Let the operator's administrator be signed in, or no longer."""
        await self.keys.execute(
            "INSERT INTO session (session_sha256, session_id, worker_id, expires_at, ended_at)"
            " VALUES ($1, $2, $3, clock_timestamp() + interval '1 h', CASE WHEN $4 THEN clock_timestamp() END)",
            sha256(token_of(name).encode()).digest(),
            name,
            f"{_AT}{Role.ADMINISTRATOR}",
            ended,
        )

    async def prepare(self) -> None:
        """Make the sites, their policy, an assessment, and everybody."""
        given: list[tuple[str, Event]] = [
            (OPERATOR_SITE, made(site_id=OPERATOR_SITE, worker_id=FORMER, role=Role.ADMINISTRATOR))
            for made in (GrantGiven, GrantWithdrawn)
        ]
        writes = sites()
        people = {**PEOPLE, REVOKED: ((OPERATOR_SITE, Role.ADMINISTRATOR),)}
        for worker_id, held in people.items():
            writes.append(self._registered(worker_id, SOUTH if worker_id == ELSEWHERE else SITE))
            given += [(at, GrantGiven(site_id=at, worker_id=worker_id, role=role)) for at, role in held]
            await self.credential(worker_id, revoked=worker_id == REVOKED)
        writes += [
            await self._next("grant", at, [event for where, event in given if where == at])
            for at in (SITE, SOUTH, OPERATOR_SITE)
        ]
        await self.append("checkin", *writes)
        await self.session(SIGNED_IN)
        await self.session(ENDED, ended=True)

    async def subject(self) -> str:
        """Make a worker of the site to ask something about, who holds a token and the worker's role."""
        self.subjects += 1
        worker_id = f"subject{self.subjects}"
        grant = GrantGiven(site_id=SITE, worker_id=worker_id, role=Role.WORKER)
        await self.append("checkin", self._registered(worker_id, SITE), await self._next("grant", SITE, [grant]))
        await self.credential(worker_id)
        return worker_id

    async def account(self, worker_id: str, login: str, password: str) -> None:
        """Let somebody sign in."""
        application = self.installation.apps["checkin"].state.application
        administrator = Caller(Identity(f"{_AT}{Role.ADMINISTRATOR}"), Outside("test", new_id(), b""), new_id())
        await application.set_password(administrator, worker_id, login, password, None)

    async def make(self, subject: str, things: frozenset[str], number: int) -> list[Mapping[str, str]]:
        """Make as many of each of these things as asked for, and return the ids of each set."""
        visits = [f"{subject}-{n}" for n in range(number)]
        made: list[Mapping[str, str]] = [
            {
                Fresh.SUBJECT: subject,
                Fresh.TOKEN: f"{visit_id}-token",
                **dict.fromkeys((Fresh.PLANNED, Fresh.APPROVED, Fresh.STARTED, Fresh.ENDED), visit_id),
                **dict.fromkeys((Fresh.EPISODE, Fresh.TASKED), f"{visit_id}.1"),
                Fresh.NOTIFICATION: f"{visit_id}.1.1",
                Fresh.TEST: f"{visit_id}-test",
                Fresh.LOGIN: f"login-{subject}",
            }
            for visit_id in visits
        ]
        if things - {Fresh.SUBJECT, Fresh.TOKEN, Fresh.LOGIN, Fresh.TEST}:
            events = 1 if Fresh.PLANNED in things else 2 if Fresh.APPROVED in things else 3
            events = 4 if Fresh.ENDED in things else events
            lives = {
                it: (*visit_of(it, subject), VisitEnded(visit_id=it, reason="completed"))[:events] for it in visits
            }
            await self.append("checkin", *(of_visit("visit", it, it, *life) for it, life in lives.items()))
        if things & {Fresh.EPISODE, Fresh.NOTIFICATION}:
            opened = (of_visit("escalation", it, it, opened_for(it, subject)) for it in visits)
            await self.append("escalation", *opened)
        if Fresh.TASKED in things:
            tasked = (of_visit("escalation", it, it, *tasked_for(it, subject)) for it in visits)
            await self.append("escalation", *tasked)
        if Fresh.NOTIFICATION in things:
            queued = (of_visit("notification", f"{it}.1.1", it, queued_for(it, subject)) for it in visits)
            await self.append("notifier", *queued)
        if Fresh.TEST in things:
            await self.append("notifier", *(_test_alarm(f"{it}-test", subject) for it in visits))
        return made

    async def tokens(self, worker_id: str, token_ids: list[str]) -> None:
        """Record tokens of somebody, which open nothing."""
        issued: list[Event] = [TokenIssued(worker_id=worker_id, token_id=token_id) for token_id in token_ids]
        await self.append("checkin", await self._next("worker", worker_id, issued))

    async def ask(self, asked: Asked, ids: Mapping[str, str], headers: Mapping[bytes, bytes]) -> httpx2.Response:
        """Send a request with these ids in it."""
        method, _, path = asked.route.partition(" ")
        return await self.clients[asked.service].request(
            method,
            path.replace(":path}", "}").format(**{name: ids.get(value, value) for name, value in asked.fill.items()}),
            json=None if asked.body is None else {name: _filled(value, ids) for name, value in asked.body.items()},
            params={name: ids.get(value, value) for name, value in asked.query.items()},
            headers=headers,
        )

    async def page(self) -> tuple[str, str]:
        """Tell the supervisor of an escalation; return the visit and the code of the supervisor's link."""
        subject = await self.subject()
        (ids,) = await self.make(subject, frozenset({Fresh.STARTED}), 1)
        visit_id = ids[Fresh.STARTED]
        opened = opened_for(visit_id, subject)
        step = step_of(opened)
        await self.append("escalation", of_visit("escalation", visit_id, visit_id, opened, step))
        await self.installation.quiet()
        keyring = self.installation.running["escalation"].keyring
        return visit_id, await link_code(keyring, opened.escalation_id, SUPERVISOR)

    def _registered(self, worker_id: str, site_id: str) -> Write:
        registered = WorkerRegistered(worker_id=worker_id, site_id=site_id, name=self.name)
        return Write(stream_of("worker", worker_id), 0, [registered], site_id=site_id)

    async def _next(self, kind: str, subject_id: str, events: list[Event]) -> Write:
        """Return what comes after all that a stream of the site or of a worker holds."""
        stream_id = stream_of(kind, subject_id)
        count = "SELECT count(*) FROM log.event WHERE stream_id = $1"
        return Write(stream_id, await self.installation.admin.fetchval(count, stream_id), events, site_id=subject_id)


@asynccontextmanager
async def desk(installation: Installation) -> AsyncIterator[Desk]:
    """Run all four services with everybody in place."""
    async with AsyncExitStack() as stack:
        for service in SERVICES:
            await stack.enter_async_context(installation.service(service, token=""))
        keys = await asyncpg.connect(installation.database.keys_admin, ssl=False)
        stack.push_async_callback(keys.close)
        clients = {}
        for service in SERVICES:
            transport = httpx2.ASGITransport(app=installation.apps[service])
            client = httpx2.AsyncClient(transport=transport, base_url="http://lonewatch.test")
            clients[service] = await stack.enter_async_context(client)
        name = await installation.running["checkin"].keyring.seal("everybody", "Canary")
        made = Desk(installation, keys, clients, name)
        await made.prepare()
        yield made


def _test_alarm(notification_id: str, recipient_id: str) -> Write:
    stream_id = stream_of("notification", notification_id)
    queued = queued_for(notification_id, recipient_id).model_copy(
        update={
            "notification_id": notification_id,
            "recipient_id": recipient_id,
            "kind": "test",
            "asked_by": stream_id,
            "trigger": None,
            "escalation_id": None,
            "ladder_no": None,
            "step": None,
        }
    )
    return Write(stream_id, 0, [queued], site_id=SITE)


def _filled(value: Any, ids: Mapping[str, str]) -> Any:
    return ids.get(value, value) if isinstance(value, str) else value
