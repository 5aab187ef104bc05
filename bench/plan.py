"""Which benchmarks there are, how large they are in a quick run and in a long one, and in which order they run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import appending, falling_due, peer, pressing, reading, timelines
from bench.ground import Ground, prepared, served

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from bench.results import Result

NAMES = ("append", "append_with_load", "read", "deadlines", "timeline", "peer", "help")
"""Every benchmark, in the order in which they run: one at a time, as each wants the whole machine."""


@dataclass(frozen=True)
class Sizes:
    """How much of everything is done."""

    rounds: int
    """Counted ones; one more warms up."""
    appends: int
    """Of each of the 64 callers in a round."""
    check_ins: int
    """The same with a load."""
    read: int
    """Events of the log that is read in order."""
    deadlines: int
    """Deadlines that are not due while the clock polls."""
    log: int
    """Events of the log in which timelines are told."""
    presses: int
    """For help, with Kafka and without each."""


QUICK = Sizes(rounds=9, appends=80, check_ins=40, read=100_000, deadlines=100_000, log=200_000, presses=60)
"""Within five minutes on two processors."""

LONG = Sizes(rounds=25, appends=400, check_ins=200, read=1_000_000, deadlines=1_000_000, log=1_000_000, presses=300)
"""Within half an hour."""

CLAIMED = 1000
"""Deadlines that fall due at once: a site that loses its network."""

CLAIMS = 5
"""Times that they do."""


async def run(folder: Path, sizes: Sizes, wanted: Collection[str], say: Callable[[str], None]) -> list[Result]:
    """Run the benchmarks that are wanted. Raises NoDiskError, PostgresError, and whatever a benchmark fails of."""
    results: list[Result] = []
    with served(folder) as server:
        ground = await prepared(folder, server)
        for name in NAMES:
            if name in wanted and name != "help":
                say(f"{name} …")
                results += await _on_the_log(ground, name, sizes)
    if "help" in wanted:  # with its own installation, and no other PostgreSQL beside it
        for kafka in (False, True):
            say(f"help, {'with' if kafka else 'without'} Kafka …")
            results += await pressing.help_to_provider(folder / "pressing", sizes.presses, kafka=kafka)
    return results


async def _on_the_log(ground: Ground, name: str, sizes: Sizes) -> list[Result]:
    if name == "peer":
        if not await asyncio.to_thread(peer.PYTHON.exists):
            return []
        return [await peer.append_beside_peer(ground, sizes.appends)]
    async with ground.log(name) as log:
        match name:
            case "append":
                return [await appending.append(log, sizes.rounds, sizes.appends)]
            case "append_with_load":
                return [await appending.append_with_load(log, sizes.rounds, sizes.check_ins)]
            case "read":
                return [await reading.read(log, sizes.rounds, sizes.read)]
            case "deadlines":
                poll = await falling_due.idle_poll(log, sizes.rounds, sizes.deadlines)
                return [poll, await falling_due.claims(log, CLAIMS, CLAIMED)]
            case _:
                return [await timelines.timeline(log, sizes.rounds, sizes.log)]
