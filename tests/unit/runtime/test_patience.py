"""Whoever asks is answered in time, whatever the service still waits for; and the work itself goes on."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from shared.runtime import patience
from shared.runtime.patience import Patience

HTTP: Scope = {"type": "http", "path": "/checkin/workers/anna/help"}


class Asked:
    """A client: what it was answered."""

    def __init__(self) -> None:
        self.said: list[Message] = []

    async def send(self, message: Message) -> None:
        self.said.append(message)

    async def receive(self) -> Message:
        return {"type": "http.request"}

    @property
    def text(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.said)


def instead() -> PlainTextResponse:
    return PlainTextResponse("ring the duty desk", 503)


async def test_an_answer_that_comes_in_time_is_passed_on() -> None:
    client = Asked()
    await Patience(PlainTextResponse("taken"), instead)(HTTP, client.receive, client.send)
    assert client.text == b"taken"


async def test_an_answer_that_does_not_come_is_given_instead_and_the_work_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "ANSWERED_WITHIN", 0.01)
    client, log_is_back, recorded = Asked(), asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await log_is_back.wait()
        recorded.set()
        await PlainTextResponse("taken")(scope, receive, send)

    await Patience(slow, instead)(HTTP, client.receive, client.send)
    assert (client.said[0]["status"], client.text) == (503, b"ring the duty desk")
    log_is_back.set()
    await asyncio.wait_for(recorded.wait(), 5)
    assert client.text == b"ring the duty desk", "one answer, not two"


async def test_an_answer_that_has_begun_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ANSWERED_WITHIN", 0.01)
    client, more = Asked(), asyncio.Event()

    async def long(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await more.wait()
        await send({"type": "http.response.body", "body": b"all of it"})

    asyncio.get_running_loop().call_later(0.05, more.set)
    await Patience(long, instead)(HTTP, client.receive, client.send)
    assert client.text == b"all of it"


async def test_a_failure_in_time_stays_a_failure() -> None:
    async def fails(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    client = Asked()
    with pytest.raises(ZeroDivisionError):
        await Patience(fails, instead)(HTTP, client.receive, client.send)
