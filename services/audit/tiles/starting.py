"""What audit does for the tree from its start on: two loops where the settings name a folder and a key, else nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from services.audit.tiles.crash import crash_at
from services.audit.tiles.folder import Folder
from services.audit.tiles.keeping import CHECK, Keeping
from services.audit.tiles.notes import KeyFileError, read_seed
from services.audit.tiles.publishing import PUBLIC
from services.audit.tiles.sequencer import Sequencer
from services.audit.tiles.store import Store
from services.audit.tiles.sweep import Sweep
from shared.runtime.clock import pause
from shared.runtime.log import Unavailable
from shared.runtime.postgres import LOST
from shared.trouble import SelfCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path

    from services.audit.settings import Settings
    from shared.runtime.postgres import Pool
    from shared.runtime.troubles import Troubles

    Loops = Sequence[Callable[[], Coroutine[Any, Any, None]]]

_AGAIN = 5.0
"""Seconds between two tries to say that there is no key."""

log = structlog.get_logger()


def public_folder(settings: Settings) -> Folder | None:
    """Return the folder that is handed out; None where no tree is kept."""
    return None if settings.tree_folder is None else Folder(settings.tree_folder / PUBLIC)


def tree_loops(pool: Pool, troubles: Troubles, settings: Settings) -> Loops:
    """Return the loops that keep the tree and compare it with the log.

    A key that cannot be read ends no service, which tells timelines without it: it is told as a trouble of the tree.
    """
    if settings.tree_folder is None or settings.tree_key_file is None:
        log.warning("no_tree_is_kept")
        return ()
    try:
        seed = read_seed(settings.tree_key_file)
    except KeyFileError as error:
        log.critical("tree_has_no_key", reason=str(error))
        return (partial(_say_no_key, troubles, settings.tree_key_file),)
    store = Store(settings.tree_folder, seed, crash_at(settings.tree_crash_at))
    keeping = Keeping(Sequencer(pool, store, settings.tree_name), store, troubles)
    return keeping.run, Sweep(pool, store.folder, troubles, settings.sweep_share).run


async def _say_no_key(troubles: Troubles, path: Path) -> None:
    """Say that the tree has no key, and wait: a loop that ended would end the service."""
    said = False
    while True:
        try:
            if not said:
                command = SelfCheck(troubles.service, CHECK, "key", f"a key in {path.name}", "none", mended=False)
                await troubles.record("key", command)
                said = True
        except (Unavailable, *LOST):
            log.warning("tree_lost_the_log")
        await pause(_AGAIN)
