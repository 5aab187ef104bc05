"""What goes on by itself is ended, even where something that it awaits swallows a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from shared.runtime import racing
from shared.runtime.clock import pause
from shared.runtime.racing import end, first_of


async def deaf(times: int, heard: list[int]) -> None:
    """Go on for ever, whatever is said, as often as this."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append(len(heard))
            if len(heard) > times:
                raise


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(racing, "_AGAIN_AFTER", 0.01)


async def test_what_swallows_a_cancellation_is_cancelled_again() -> None:
    heard: list[int] = []
    task = asyncio.create_task(deaf(2, heard))
    await pause(0)
    await end([task])
    assert task.cancelled()
    assert heard == [0, 1, 2]


async def test_what_has_ended_or_failed_is_ended_too() -> None:
    async def fails() -> None:
        raise RuntimeError("broken")

    done, failed = asyncio.create_task(pause(0)), asyncio.create_task(fails())
    await end([done, failed])
    await end([done, failed])
    assert (done.done(), failed.done()) == (True, True)
    await end([])


async def test_the_first_that_ends_ends_the_others_however_deaf_they_are() -> None:
    heard: list[int] = []

    async def soon_over() -> None:
        await pause(0)

    await asyncio.wait_for(first_of(deaf(1, heard), soon_over()), 5)
    assert heard == [0, 1]
