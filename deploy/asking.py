"""Ask the replicas of one service until one answers: in turn, another after 2 s, always with the same id.

Who was asked first may still answer: whichever answer comes first is taken. Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from collections.abc import Sequence

TRY_ANOTHER_AFTER = 2.0
"""Seconds without an answer after which another replica is asked with the same id."""

ASKED_LAST_FOR = 10.0
"""Seconds for which a replica that did not answer is asked last: it is restarted, or goes on, by then."""

_PAUSE = 0.2
"""Seconds before a replica that hung up is asked again when nobody else is left: whoever runs it starts it again."""


@dataclass(frozen=True)
class Asked:
    """One request as it goes to every replica that is asked."""

    method: str
    path: bytes
    headers: Sequence[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass
class Replicas:
    """The replicas of one service, and which of them did not answer lately."""

    addresses: Sequence[str]
    _turn: int = 0
    _silent: dict[str, float] = field(default_factory=dict)

    def in_turn(self, now: float) -> list[str]:
        """Return all of them, each time beginning with the next; who did not answer lately comes last."""
        start = self._turn % len(self.addresses)
        self._turn += 1
        silent = {address for address, since in self._silent.items() if now < since + ASKED_LAST_FOR}
        return sorted((*self.addresses[start:], *self.addresses[:start]), key=lambda address: address in silent)

    def did_not_answer(self, address: str, now: float) -> None:
        """Ask it last for a while."""
        self._silent[address] = now

    def answered(self, address: str) -> None:
        """Ask it in turn again."""
        self._silent.pop(address, None)


async def ask(client: httpx2.AsyncClient, replicas: Replicas, asked: Asked, within: float) -> httpx2.Response | None:
    """Return the first answer of a replica, or None when none answers in time.

    A replica that says it cannot (503) leaves the question to one other; what that one says counts.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    waiting = replicas.in_turn(loop.time())
    pending: dict[asyncio.Task[httpx2.Response], str] = {}
    refused: list[httpx2.Response] = []
    try:
        while (now := loop.time()) < until:
            if waiting:
                address = waiting.pop(0)
                pending[loop.create_task(_send(client, address, asked, until - now))] = address
            patience = min(TRY_ANOTHER_AFTER, until - now) if waiting or refused else until - now
            done, silent = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                for task in silent:
                    replicas.did_not_answer(pending[task], loop.time())
                if refused:
                    break
            failed = [pending[task] for task in done if task.exception() is not None]
            for address in failed:
                replicas.did_not_answer(address, loop.time())
            for task in done:
                address = pending.pop(task)
                if address in failed:
                    continue
                replicas.answered(address)
                if task.result().status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    return task.result()
                refused.append(task.result())
            if len(refused) > 1 or (refused and not waiting and not pending):
                break
            if failed and not waiting:
                await asyncio.sleep(_PAUSE)
            waiting += [] if refused else failed
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    return refused[-1] if refused else None


async def _send(client: httpx2.AsyncClient, address: str, asked: Asked, within: float) -> httpx2.Response:
    url = httpx2.URL(address).copy_with(raw_path=asked.path)
    return await client.request(asked.method, url, headers=list(asked.headers), content=asked.body, timeout=within)
