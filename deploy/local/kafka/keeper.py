"""Keep a local Kafka running, in the background: fetch it, start it, start it again. Nobody waits for it.

Where it cannot be had the services follow the log, and it is tried again. Knows nothing of who uses it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from deploy.database import ROOT
from deploy.local.kafka import node as nodes
from deploy.local.kafka.jars import KafkaError, programs
from deploy.local.kafka.running import running
from deploy.local.parent import ends_with_parent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from deploy.local.kafka.configuration import Node

LOOK_EVERY: Final = 0.2
"""Seconds between two looks at a broker that runs: a look reads one small file."""

PAUSES: Final = (0.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds before a start: at once the first time, later the more of them led to nothing, as each costs a processor's time."""

LONG_ENOUGH: Final = 30.0
"""Seconds after which a broker counts as having run, so that its next end is again its first."""


@dataclass
class KafkaKeeper:
    """Starts one node again and again; the services find it as they would any other broker."""

    node: Node
    say: Callable[[str], None]
    held: bool = False
    """While true what has ended stays so: for tests of outages."""
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _said: str = ""

    async def run(self) -> None:
        """Look until told to stop."""
        loop = asyncio.get_running_loop()
        in_vain, since = 0, None
        while not self._stopping.is_set():
            if self.held or await asyncio.to_thread(running, self.node) is not None:
                await self._wait(LOOK_EVERY)
                continue
            if since is not None:
                self.say("Apache Kafka has ended; starting it again")
                in_vain = 1 if loop.time() - since > LONG_ENOUGH else in_vain + 1
                since = None
            await self._wait(PAUSES[min(max(in_vain, 1), len(PAUSES)) - 1])
            if self._stopping.is_set() or self.held:
                continue
            if await self._start():
                since = loop.time()
            else:
                in_vain += 1

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    async def _start(self) -> bool:
        """Start it, and say whether that was possible; why not is said once, not at every try."""
        try:
            await self._fetch()
            if not self._stopping.is_set():
                await asyncio.to_thread(nodes.start, self.node, programs())
        except (KafkaError, OSError) as error:
            sentence = f"{error}. Lonewatch follows the log meanwhile"
            if sentence != self._said:
                self.say(sentence)
            self._said = sentence
            return False
        return True

    async def _fetch(self) -> None:
        """Have the jars fetched by a process of its own: it ends at once when this is told to stop."""
        with suppress(KafkaError):
            programs()
            return
        fetching = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy.local.kafka"),
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=ends_with_parent(signal.SIGTERM),
        )
        told = asyncio.create_task(fetching.communicate())
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({told, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not told.done():
            with suppress(ProcessLookupError):
                os.killpg(fetching.pid, signal.SIGTERM)  # its Maven, too
        _, errors = await told
        if fetching.returncode != 0 and not self._stopping.is_set():
            last = errors.decode(errors="replace").strip().rpartition("\n")[2]
            raise KafkaError(last.removeprefix("error: ").rstrip("."))

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


@asynccontextmanager
async def kept(node: Node | None, say: Callable[[str], None]) -> AsyncIterator[KafkaKeeper | None]:
    """Keep a node running from now on, without waiting for it, and stop it at the end; nothing where there is none."""
    if node is None:
        yield None
        return
    keeper = KafkaKeeper(node, say)
    keeping = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        keeper.stop()
        await asyncio.gather(keeping, return_exceptions=True)
        await asyncio.to_thread(nodes.stop, node)
