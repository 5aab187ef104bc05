"""A service as a process of its own, over real HTTP, with what it writes kept for the test to read."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.support.services import Installation

_UP_WITHIN = 30.0
"""Seconds until a process that does not answer counts as failed: a busy machine starts one in two."""


@dataclass(frozen=True)
class Process:
    """A running service: a client that shows no token, and the file with its lines."""

    client: httpx2.AsyncClient
    lines: Path
    pid: int


@asynccontextmanager
async def process(installation: Installation, name: str, directory: Path, **more: str) -> AsyncIterator[Process]:
    """Run ``python -m services.<name>`` until the block ends; ``more`` are settings, as environment variables name them."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    environment = {
        **os.environ,
        "LONEWATCH_DATABASE": installation.database.dsn(name),
        "LONEWATCH_KEYS_DATABASE": installation.database.keys_dsn(name),
        "LONEWATCH_WRAPPING_KEY_FILE": str(installation.wrapping_key_file),
        "LONEWATCH_PORT": str(port),
        **{f"LONEWATCH_{key.upper()}": value for key, value in more.items()},
    }
    lines = directory / f"{name}-{port}.lines"
    with lines.open("wb") as output:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"services.{name}", env=environment, stdout=output, stderr=output
        )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await _answers(client, running, lines)
            yield Process(client, lines, running.pid)
    finally:
        with suppress(ProcessLookupError):
            running.terminate()
        await running.wait()


def _silent(lines: Path) -> str:
    return f"the service does not answer; it said:\n{lines.read_text('utf-8')}"


async def _answers(client: httpx2.AsyncClient, running: asyncio.subprocess.Process, lines: Path) -> None:
    until = time.monotonic() + _UP_WITHIN
    while True:
        with suppress(httpx2.TransportError):
            if (await client.get("/healthz")).is_success:
                return
        if running.returncode is not None or time.monotonic() > until:
            raise AssertionError(_silent(lines))
        await asyncio.sleep(0.05)
