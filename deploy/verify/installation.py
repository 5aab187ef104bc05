"""Verify an installation: what it published against what it committed, and every record against both."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from deploy.verify.found import Found, UnverifiableError
from deploy.verify.log import verify_log
from deploy.verify.sources import InFolder
from deploy.verify.tree import MOST_NOTE, key_of, opened
from services.audit.completing import completeness

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.verify.tree import Tree

WITHIN = 60.0
"""Seconds for one statement: whoever verifies waits, and takes nobody's turn meanwhile."""

PUBLISHED_WITHIN = 3.0
"""Seconds in which what was committed is published: usually some milliseconds."""

_LOOK_EVERY = 0.1


@dataclass(frozen=True)
class Target:
    """An installation to be verified."""

    database: str
    """Address of the log's database, by audit's role."""
    folder: Path
    """The folder of the tree."""


async def verify_installation(target: Target) -> Found:
    """Return what was found. Raises UnverifiableError where the log cannot be reached."""
    found = Found("installation")
    tree = await _tree(target.folder, found)
    if tree is not None:
        await asyncio.to_thread(tree.verify, found)
    try:
        connection = await asyncpg.connect(target.database, timeout=WITHIN, command_timeout=WITHIN)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as failed:
        raise UnverifiableError(
            f"The log's database does not let audit in ({type(failed).__name__}). 'lonewatch doctor' says what keeps it."
        ) from None
    try:
        await verify_log(connection, tree, found)
        async for broken in completeness(connection):
            found.add(f"completeness_{broken.kind}", broken.sentence, broken.position)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as failed:
        raise UnverifiableError(
            f"The log could not be read to its end ({type(failed).__name__}). Try it again."
        ) from None
    finally:
        connection.terminate()
    return found


async def _tree(folder: Path, found: Found) -> Tree | None:
    """Return the tree that is published; none where there is none that can be read, which is found then."""
    public, own = InFolder(folder / "public"), InFolder(folder)
    for _ in range(int(PUBLISHED_WITHIN / _LOOK_EVERY)):
        committed, published = own.read("committed", MOST_NOTE), public.read("checkpoint", MOST_NOTE)
        if committed == published:
            break
        await asyncio.sleep(_LOOK_EVERY)
    try:
        key = key_of(public, None)
        tree = opened(public, key)
        committed_tree = opened(own, key, "committed")
    except UnverifiableError as refused:
        found.add("tree_unreadable", str(refused))
        return None
    if committed != published:
        found.add(
            "not_published",
            f"The tree was committed with {committed_tree.size} records and is published with {tree.size}.",
            min(committed_tree.size, tree.size) + 1,
        )
    found.checked |= {"origin": tree.checkpoint.origin, "size": tree.size}
    return tree
