"""The front in front of real HTTP servers: what it passes on, what it sends again, and what it never loses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import pytest

import deploy.front
from deploy import asking
from deploy.asking import Replicas
from deploy.front import LARGEST_BODY, create_front
from deploy.local.installation import free_port
from shared.runtime.clock import monotonic, pause
from shared.runtime.settings import RING

MANY = 400
"""Requests at once: so many visits of one site may be missed in one second."""

CHECK_IN = "/checkin/visits/v1/check-ins"


@dataclass
class Replica:
    """A server that remembers what came and says how much; ``silent`` lets it answer nothing, ``status`` something else."""

    silent: bool = False
    port: int = 0
    status: str = "200 OK"
    after: float = 0
    """Seconds that it thinks before it answers."""
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.append(writer)
        line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (header.partition(": ") for header in rest)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.came.append((line, headers, body))
        if self.silent:
            await reader.read()
        text = json.dumps({"came": len(self.came)}).encode()
        await pause(self.after)
        writer.write(f"HTTP/1.1 {self.status}\r\ncontent-type: application/json\r\n".encode())
        writer.write(b"set-cookie: a=1\r\nset-cookie: b=2\r\n")
        writer.write(f"content-length: {len(text)}\r\nconnection: close\r\n\r\n".encode() + text)
        writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(replica: Replica) -> AsyncIterator[Replica]:
    server = await asyncio.start_server(replica.answer, "127.0.0.1", replica.port, backlog=MANY)
    replica.port = server.sockets[0].getsockname()[1]
    try:
        yield replica
    finally:
        server.close()
        for writer in replica.open:
            writer.transport.abort()
        await pause(0)  # the ends of the connections are told in the loop's next turn


@pytest.fixture
async def checkin() -> AsyncIterator[Replica]:
    async with serving(Replica()) as replica:
        yield replica


@pytest.fixture
async def other() -> AsyncIterator[Replica]:
    async with serving(Replica()) as replica:
        yield replica


def front(*replicas: str, ring: str = RING) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=create_front({"checkin": replicas}, ring))
    return httpx2.AsyncClient(transport=transport, base_url="http://front.test", timeout=30)


async def test_headers_pass_whatever_bytes_they_have(checkin: Replica) -> None:
    async with front(checkin.url) as client:
        headers = [(b"User-Agent", "Lonephone (José)".encode("latin-1")), (b"Idempotency-Key", "schlüssel".encode())]
        answer = await client.post("/checkin/workers/ada/help", headers=headers, content=b"{}")
    assert answer.status_code == 200
    assert checkin.came[0][1]["user-agent"] == "Lonephone (José)"


async def test_a_path_is_passed_on_as_it_came(checkin: Replica) -> None:
    async with front(checkin.url) as client:
        await client.get("/checkin/visits/a%2Fb%00c%3F/?x=1&y=%20")
    assert checkin.came[0][0] == "GET /checkin/visits/a%2Fb%00c%3F/?x=1&y=%20 HTTP/1.1"


async def test_a_command_without_an_id_is_given_one_and_one_with_an_id_keeps_it(checkin: Replica) -> None:
    async with front(checkin.url) as client:
        await client.post("/checkin/visits", content=b"{}")
        await client.post("/checkin/visits", headers={"Idempotency-Key": "mine"}, content=b"{}")
    given, kept = (headers["idempotency-key"] for _, headers, _ in checkin.came)
    assert len(given) == 32
    assert kept == "mine"


async def test_a_body_that_is_too_large_is_refused_but_a_call_for_help_goes_on_without_it(checkin: Replica) -> None:
    async with front(checkin.url) as client:
        large = b"x" * (LARGEST_BODY + 1)
        refused = await client.post("/checkin/visits", content=large)
        helped = await client.post("/checkin/workers/ada/help", content=large)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert helped.status_code == 200
    assert refused.json()["ring"] == RING
    assert [(line, body) for line, _, body in checkin.came] == [("POST /checkin/workers/ada/help HTTP/1.1", b"")]


async def test_another_replica_is_asked_with_the_same_id_when_one_is_silent(checkin: Replica) -> None:
    async with serving(Replica(silent=True)) as silent, front(silent.url, checkin.url) as client:
        answer = await client.post("/checkin/visits/v1/check-ins", content=b"{}")
    assert answer.status_code == 200
    assert silent.came[0][1]["idempotency-key"] == checkin.came[0][1]["idempotency-key"]


async def test_replicas_are_asked_in_turn(checkin: Replica, other: Replica) -> None:
    async with front(checkin.url, other.url) as client:
        for _ in range(6):
            await client.post(CHECK_IN, content=b"{}")
    assert (len(checkin.came), len(other.came)) == (3, 3)


async def test_whoever_did_not_answer_is_asked_last_for_a_while(checkin: Replica) -> None:
    async with serving(Replica(silent=True)) as silent, front(silent.url, checkin.url) as client:
        for _ in range(5):
            assert (await client.post(CHECK_IN, content=b"{}")).status_code == 200
        assert (len(silent.came), len(checkin.came)) == (1, 5)


def test_after_that_while_it_is_asked_in_turn_again_and_at_once_when_it_answers() -> None:
    replicas = Replicas(("a", "b"))
    replicas.did_not_answer("a", 100.0)
    assert replicas.in_turn(101.0) == ["b", "a"]
    assert replicas.in_turn(109.9) == ["b", "a"]
    assert replicas.in_turn(100.0 + asking.ASKED_LAST_FOR) == ["a", "b"]
    replicas.answered("a")
    replicas.in_turn(101.0)
    assert replicas.in_turn(101.0) == ["a", "b"]


async def test_the_only_replica_is_asked_whether_it_answered_before_or_not() -> None:
    replica = Replica(port=free_port())
    async with front(replica.url) as client:
        asked = asyncio.create_task(client.get("/checkin/"))
        await asyncio.wait({asked}, timeout=0.3)  # it has not answered by now
        async with serving(replica):
            assert (await asked).status_code == 200
            assert (await client.get("/checkin/")).status_code == 200


async def test_replicas_that_are_all_slow_are_waited_for_and_not_cut_off_to_begin_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "TRY_ANOTHER_AFTER", 0.2)
    slow = Replica(after=0.5), Replica(after=0.5)
    async with serving(slow[0]) as one, serving(slow[1]) as two, front(one.url, two.url) as client:
        answer = await client.post(CHECK_IN, content=b"{}")
    assert answer.status_code == 200
    assert (len(one.came), len(two.came)) == (1, 1)
    assert one.came[0][1]["idempotency-key"] == two.came[0][1]["idempotency-key"]


async def test_a_replica_that_says_it_cannot_leaves_the_question_to_one_other(checkin: Replica) -> None:
    async with serving(Replica(status="503 Service Unavailable")) as unable, front(unable.url, checkin.url) as client:
        answer = await client.post(CHECK_IN, headers={"Idempotency-Key": "mine"}, content=b"{}")
    assert answer.status_code == 200
    assert [one.came[0][1]["idempotency-key"] for one in (unable, checkin)] == ["mine", "mine"]


async def test_when_two_replicas_cannot_the_caller_hears_what_they_say_and_no_third_is_asked(checkin: Replica) -> None:
    async with (
        serving(Replica(status="503 Service Unavailable")) as one,
        serving(Replica(status="503 Service Unavailable")) as two,
        front(one.url, two.url, checkin.url) as client,
    ):
        answer = await client.post(CHECK_IN, content=b"{}")
    assert (answer.status_code, answer.json()) == (503, {"came": 1})
    assert checkin.came == []


async def test_when_nobody_answers_a_caller_in_danger_learns_in_time_whom_to_ring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert deploy.front.URGENT_WITHIN <= 8
    monkeypatch.setattr(deploy.front, "URGENT_WITHIN", 1.0)
    silent = Replica(silent=True), Replica(silent=True)
    async with (
        serving(silent[0]) as one,
        serving(silent[1]) as two,
        front(one.url, two.url, ring="Ring 4711.") as client,
    ):
        began = monotonic()
        urgent = (CHECK_IN, "/checkin/workers/ada/help", "/checkin/visits/v1/situations", "/checkin/help-by-password")
        answers = await asyncio.gather(*(client.post(path) for path in urgent))
        took = monotonic() - began
    assert took < 2
    for answer in answers:
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["ring"]) == (503, "unavailable", "Ring 4711.")
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["watch"] == {
            "impaired": True,
            "why": ["no replica of checkin answers"],
            "ring": "Ring 4711.",
        }


async def test_when_nobody_answers_whoever_followed_a_link_sees_a_page_that_says_whom_to_ring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deploy.front, "GIVE_UP_AFTER", 0.3)
    async with front(f"http://127.0.0.1:{free_port()}", ring="Ring <4711>.") as client:
        answer = await client.get("/checkin/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "Ring &lt;4711&gt;." in answer.text
    assert "not known whether what you did took effect" in answer.text


async def test_the_front_keeps_no_cookie_of_anybody_for_the_next(checkin: Replica) -> None:
    async with front(checkin.url) as client:
        first = await client.get("/checkin/")
        client.cookies.clear()
        await client.get("/checkin/")
        await client.get("/checkin/", headers={"Cookie": "lonewatch_session=mine"})
    assert "a=1" in first.headers.get_list("set-cookie"), "a session was begun for whoever asked first"
    assert [headers.get("cookie") for _, headers, _ in checkin.came] == [None, None, "lonewatch_session=mine"]


async def test_400_requests_at_once_are_all_answered_while_a_replica_is_silent(checkin: Replica) -> None:
    checkin.after = 1.0
    async with serving(Replica(silent=True)) as silent, front(silent.url, checkin.url) as client:
        answers = await asyncio.gather(*(client.post(CHECK_IN, content=b"{}") for _ in range(MANY)))
    assert [answer.status_code for answer in answers] == [200] * MANY
    assert len({headers["idempotency-key"] for _, headers, _ in checkin.came}) == MANY


async def test_a_service_that_is_starting_is_waited_for() -> None:
    replica = Replica(port=free_port())
    async with front(replica.url) as client:
        asked = asyncio.create_task(client.post("/checkin/visits/v1/check-ins", content=b"{}"))
        await asyncio.wait({asked}, timeout=0.3)
        async with serving(replica):
            assert (await asked).status_code == 200


async def test_repeated_headers_of_an_answer_stay_apart(checkin: Replica) -> None:
    async with front(checkin.url) as client:
        answer = await client.get("/checkin/")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


async def test_an_address_of_nobody_says_which_there_are(checkin: Replica) -> None:
    async with front(checkin.url) as client:
        answer = await client.get("/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_path")
    assert "/checkin" in answer.json()["detail"]


async def test_metrics_are_not_passed_on_to_whoever_watches_them_count_what_happens(checkin: Replica) -> None:
    async with front(checkin.url) as client:
        for path in ("/checkin/metrics", "/checkin/metrics/", "/checkin//metrics"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "no_such_path")
    assert checkin.came == []
