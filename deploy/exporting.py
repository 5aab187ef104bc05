"""Fetch the bundle of a visit from a running Lonewatch into a file. Looks at nothing in it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from deploy.client import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.client import Client

COVERED_WITHIN = 10.0
"""Seconds for the tree to take a visit's last record: later than that is an escalation of its own."""

_LOOK_EVERY = 0.5


async def fetch_bundle(client: Client, visit_id: str, out: Path) -> int:
    """Write the bundle of a visit to a file and return its bytes; a file that is there stays until the new one is whole.

    Raises RefusedError, and OSError where the file cannot be written.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + COVERED_WITHIN
    while True:
        try:
            content = await client.download(f"/audit/visits/{visit_id}/bundle", "application/zip")
        except RefusedError as error:
            if error.code != "tree_behind" or loop.time() > until:
                raise
            await asyncio.sleep(_LOOK_EVERY)
        else:
            await asyncio.to_thread(_write, out, content)
            return len(content)


def _write(out: Path, content: bytes) -> None:
    part = out.with_name(f"{out.name}.part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 -- for its mode
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(out)
