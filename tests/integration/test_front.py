"""The front in front of real HTTP servers: what it passes on, what it sends again, and what it never loses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import pytest

from deploy.front import LARGEST_BODY, create_front
from deploy.local.installation import free_port


@dataclass
class Replica:
    """A server that remembers what came and says how much; ``silent`` lets it answer nothing."""

    silent: bool = False
    port: int = 0
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (header.partition(": ") for header in rest)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.came.append((line, headers, body))
        if self.silent:
            await reader.read()
        text = json.dumps({"came": len(self.came)}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n")
        writer.write(f"content-length: {len(text)}\r\nconnection: close\r\n\r\n".encode() + text)
        writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(replica: Replica) -> AsyncIterator[Replica]:
    server = await asyncio.start_server(replica.answer, "127.0.0.1", replica.port)
    replica.port = server.sockets[0].getsockname()[1]
    try:
        yield replica
    finally:
        server.close()


@pytest.fixture
async def checkin() -> AsyncIterator[Replica]:
    async with serving(Replica()) as replica:
        yield replica


def front(*replicas: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=create_front({"checkin": replicas}))
    return httpx2.AsyncClient(transport=transport, base_url="http://front.test")


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
    assert [(line, body) for line, _, body in checkin.came] == [("POST /checkin/workers/ada/help HTTP/1.1", b"")]


async def test_another_replica_is_asked_with_the_same_id_when_one_is_silent(checkin: Replica) -> None:
    async with serving(Replica(silent=True)) as silent, front(silent.url, checkin.url) as client:
        answer = await client.post("/checkin/visits/v1/check-ins", content=b"{}")
    assert answer.status_code == 200
    assert silent.came[0][1]["idempotency-key"] == checkin.came[0][1]["idempotency-key"]


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
