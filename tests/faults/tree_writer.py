"""A process that lets the tree of a made-up log grow, page by page, until it is killed or done: ``tree_writer FOLDER SIZE PAGE``.

Ends by itself at a crash point where LONEWATCH_TREE_CRASH_AT names one, as audit does. Run by the tests of the tree's faults.
"""

import os
import sys
from pathlib import Path

from services.audit.domain.tree.growing import grow
from services.audit.tiles.crash import crash_at
from services.audit.tiles.files import BusyError
from services.audit.tiles.refusing import MovedError
from services.audit.tiles.store import Held, Store
from tests.support.outside.trees import NAME, SEED, entry


def grown(store: Store, held: Held, size: int) -> Held:
    """Let the tree grow to a size."""
    more = grow(held.edge, [entry(number) for number in range(held.checkpoint.size, size)])
    return store.grow(held, more.edge, {**more.full, **more.edge.partial()})


def write(folder: Path, size: int, page: int) -> None:
    """Let the tree grow to ``size``; where another process was first, go on from what it committed."""
    store = Store(folder, SEED, crash_at(os.environ.get("LONEWATCH_TREE_CRASH_AT")))
    while True:
        try:
            held = store.open() or store.begin(None, NAME)
            if held.checkpoint.size >= size:
                return
            grown(store, held, min(held.checkpoint.size + page, size))
        except (BusyError, MovedError):
            continue


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
