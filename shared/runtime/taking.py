"""One shard's turn: the rows that it takes next, by its topic where they follow, by the log where they do not.

Applies nothing, and judges no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.runtime.consumers import PAGE
from shared.runtime.reading import NEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.runtime.offered import Offered
    from shared.runtime.postgres import Connection, Pool
    from shared.runtime.rows import Row
    from shared.runtime.tries import Key

BY_TOPIC_AT_ONCE = 50
"""Records of one shard taken at a time as they came by the topic: they are read before the log says whether it has them."""

BY_TOPIC = "topic"
BY_LOG = "log"
BY_LOG_ALONE = "log_alone"


class NotByTopic(Exception):  # noqa: N818 -- says how the record is to be read
    """A record that came by a topic is not as the log has it, or would be set aside: that is done by the log's own row."""


@dataclass(frozen=True)
class Taken:
    """The next rows of a shard, in order, and how they came."""

    rows: Sequence[Row]
    via: str


@dataclass(frozen=True)
class Turn:
    """What one shard may take now."""

    key: Key
    offered: Offered
    by_log: bool = False
    """Whether the log is read whatever came by the topic."""
    carried: bool = False
    """Whether the topic is followed at present."""

    async def take(self, reads: Connection | Pool, applied: int) -> Taken:
        """Return what follows ``applied``. Where something is missing between it and what came, the log is read."""
        _, topic, shard = self.key
        if not self.by_log:
            run = self.offered.take(self.key, applied, BY_TOPIC_AT_ONCE)
            if run or not self.offered.holds(self.key):
                return Taken(run, BY_TOPIC)
        newest = self.offered.newest(self.key)
        rows = await reads.fetch(NEXT, topic, shard, applied, PAGE)
        if not rows:
            self.offered.drop(self.key, newest)  # of records that the log has not: they must not be asked for again
        return Taken(rows, BY_LOG if self.carried else BY_LOG_ALONE)
