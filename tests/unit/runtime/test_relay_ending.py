"""A relay that is told to stop stops, whatever it is doing at that moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from shared.runtime import relay
from shared.runtime.kafka import KafkaSettings
from shared.runtime.relay_lease import Held, Page

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool

HELD = Held(held=True, epoch=1, generation=1, position=0, head=0, oldest=timedelta(0))

CANCELLED = 200
"""Relays that are cancelled while something is being appended: one in six went on before this was mended."""


class HeldLease:
    """The lease of a topic that nothing is appended to."""

    async def take(self) -> Held:
        return HELD

    async def offsets(self) -> dict[int, int]:
        return {}

    async def read(self, after: int, _most: int) -> Page:
        return Page((), after, after)

    async def release(self, _epoch: int) -> None:
        pass


class Sent:
    """A Kafka that takes whatever there is."""

    def __init__(self, *_: object) -> None:
        pass

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def look(self) -> None:
        pass


async def test_a_relay_that_is_cancelled_while_something_is_appended_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "Lease", lambda *_: HeldLease())
    monkeypatch.setattr(relay, "Sending", Sent)
    for _ in range(CANCELLED):
        made = relay.Relay(cast("Pool", None), KafkaSettings(bootstrap=("kafka:9092",)), "checkin", "1")
        running = asyncio.create_task(made.run())
        while made.state.word != "publishing":
            await asyncio.wait([running], timeout=0)
        made.appended()
        running.cancel()
        _, left = await asyncio.wait([running], timeout=1)
        assert not left
