"""Wait until every replica of an installation and its front are ready, and say what keeps one from it."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deploy.local.processes import Process

READY_WITHIN = timedelta(seconds=60)
"""How long services may take to become ready: a slow machine needs ten seconds, a crash recovery some more."""

PER_PROCESS = timedelta(seconds=4)
"""What each process adds to that: many replicas on a small machine start one after another."""

_MOST_RESTARTS = 4
"""Exits during the start after which waiting longer helps nobody."""

_LOOK_EVERY = 0.2


class NotReadyError(RuntimeError):
    """Something did not become ready; the message says what, and where its lines are."""


async def ready(addresses: Mapping[str, str], processes: Mapping[str, Process], *, watching: bool = False) -> None:
    """Wait until each address (by the name of its process) says that it is ready. Raises NotReadyError.

    ``watching`` waits until each of them knows that the watch is not impaired, too: before that no visit is started.
    """
    loop = asyncio.get_running_loop()
    within = READY_WITHIN + len(processes) * PER_PROCESS
    until = loop.time() + within.total_seconds()
    waiting = dict(addresses)
    async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
        while waiting:
            for name, address in list(waiting.items()):
                with suppress(httpx2.TransportError):  # it is not there yet
                    if _says_so(await client.get(address), watching=watching):
                        del waiting[name]
            failing = [one for one in processes.values() if _fails(one)]
            if failing:
                raise NotReadyError(f"{failing[0].name} does not start. {_reason(failing[0].output)}")
            if waiting and loop.time() > until:
                raise NotReadyError(
                    f"{', '.join(waiting)} did not become ready within {within.seconds} s. "
                    f"{_reason(processes[next(iter(waiting))].output)}"
                )
            await asyncio.sleep(_LOOK_EVERY)


def _says_so(answer: httpx2.Response, *, watching: bool) -> bool:
    return answer.is_success and not (watching and answer.json().get("watch", {}).get("impaired"))


def _fails(process: Process) -> bool:
    return process.restarts >= _MOST_RESTARTS or process.exit_code == os.EX_CONFIG


def _reason(output: Path) -> str:
    """Return the sentence in which a service last said why it cannot start, and where its lines are."""
    where = f"Its lines are in {output}."
    for line in reversed(output.read_text(errors="replace").splitlines()):
        with suppress(ValueError, KeyError, TypeError):
            return f"{json.loads(line)['reason']} {where}"
    return where
