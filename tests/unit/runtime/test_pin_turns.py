"""Whose PIN is judged next: one of a person at a time, whatever becomes of those who wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from shared.runtime.clock import pause
from shared.runtime.log import Unavailable
from shared.runtime.pins import MOST_WAITING, Pins

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool

WHO = "anna"


class Turns:
    """Requests of one person that wait for their turn, and what the loop had to complain of."""

    def __init__(self) -> None:
        self.pins = Pins(cast("Pool", None))
        self.open = asyncio.Event()
        self.inside = self.most = 0
        self.complaints: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.complaints.append(context))

    async def _one(self) -> None:
        async with self.pins._turn(WHO):  # noqa: SLF001 -- the rule under test
            self.inside += 1
            self.most = max(self.most, self.inside)
            await self.open.wait()
            self.inside -= 1

    def ask(self, number: int = 1) -> list[asyncio.Task[None]]:
        return [asyncio.get_running_loop().create_task(self._one()) for _ in range(number)]

    async def settled(self) -> None:
        """Let everything happen that waits for nothing."""
        for _ in range(10):
            await pause(0)


async def test_whoever_is_sent_back_and_hangs_up_at_once_passes_no_turn_on() -> None:
    turns = Turns()
    first = turns.ask()
    await turns.settled()
    waiting = turns.ask(MOST_WAITING)
    await turns.settled()
    one_more = turns.ask()
    asyncio.get_running_loop().call_soon(waiting[0].cancel)  # in the tick in which the one more sends it back
    await turns.settled()
    assert waiting[0].done()
    assert turns.most == 1, "one PIN of a person at a time"
    turns.open.set()
    await asyncio.gather(*first, *waiting[1:], *one_more)
    await turns.settled()
    assert turns.most == 1
    assert turns.complaints == []
    assert turns.pins._waiting == {}  # noqa: SLF001 -- nothing else shows it


async def test_whoever_hangs_up_as_the_turn_comes_passes_it_on() -> None:
    turns = Turns()
    [first] = turns.ask()
    await turns.settled()
    others = turns.ask(2)
    await turns.settled()
    turns.open.set()
    await first
    asyncio.get_running_loop().call_soon(others[1].cancel)  # the turn is its own by then, and it does not know it yet
    await asyncio.gather(*others, return_exceptions=True)
    await turns.settled()
    assert [one.cancelled() for one in others] == [False, True]
    assert turns.complaints == []
    assert turns.pins._waiting == {}  # noqa: SLF001 -- nothing else shows it


async def test_of_too_many_the_one_that_waited_longest_is_sent_back() -> None:
    turns = Turns()
    turns.ask()
    await turns.settled()
    waiting = turns.ask(MOST_WAITING)
    await turns.settled()
    one_more = turns.ask()
    await turns.settled()
    turns.open.set()
    with pytest.raises(Unavailable):
        await waiting[0]
    await asyncio.gather(*waiting[1:], *one_more)
