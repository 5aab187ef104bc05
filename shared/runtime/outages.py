"""Notice that a whole service was away, and say so before anything that fell due meanwhile is handled.

Looks at the finished cycles of all replicas: when another one went on, nothing was missed. Judges no visit; what fell in
an outage is told apart by whoever decides about it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from shared.contracts.topics import TOPIC_OF_SERVICE
from shared.contracts.troubles import OUTAGE
from shared.runtime.log import Unavailable
from shared.runtime.postgres import LOST
from shared.trouble import SHORTEST_OUTAGE, RecordOutage

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool
    from shared.runtime.telemetry import Cycles
    from shared.runtime.troubles import Troubles

GAP = timedelta(seconds=3)
"""How old this process's own last look may be before it asks whether all were away: twelve looks, so it hardly ever asks."""

LOOP = "clock"
"""The loop whose absence is an outage: it is the one that finds missed check-ins."""

NEWEST = 20
"""Outages read before another is recorded: only the last ones can overlap it."""

# How long ago any replica of a service finished a look, by the log's time, and what has waited for it since: deadlines, and
# records that it follows, of the newest thousand. Uses the keys of log.cycle and log.event, and deadline_due (topic, due_at).
AWAY = """
WITH away AS MATERIALIZED (
    SELECT log.now() AS now, clock_timestamp() - max(finished_at) AS lasted FROM log.cycle
    WHERE service = $1 AND loop = $2
)
SELECT now, lasted, (
    SELECT count(*) FROM log.deadline d WHERE d.topic = $3 AND d.due_at >= now - lasted AND d.due_at < now
) + (
    SELECT count(*) FROM (SELECT * FROM log.event ORDER BY position DESC LIMIT 1000) AS e
    WHERE e.recorded_at >= now - lasted AND e.type NOT LIKE 'trouble.%'
        AND e.topic IN (SELECT a.topic FROM log.applied a WHERE split_part(a.consumer, ':', 1) = $1)
) AS overdue
FROM away
"""

log = structlog.get_logger()


class Outages:
    """Asks, after a gap, whether this service was away."""

    def __init__(self, pool: Pool, troubles: Troubles, service: str, cycles: Cycles) -> None:
        """Ask for ``service``; ``cycles`` knows when this process itself last looked."""
        self._pool = pool
        self._troubles = troubles
        self._service = service
        self._cycles = cycles

    async def before_claiming(self) -> None:
        """Record an outage that ends now, if there was one. Raises what is in LOST while the log is still away.

        A failure of any other kind is logged and holds nothing up: an alarm that does not say why it is late is better
        than none.
        """
        if self._cycles.ages().get(LOOP, GAP.total_seconds() + 1) <= GAP.total_seconds():
            return
        try:
            await self._record()
        except Unavailable:
            raise TimeoutError from None  # as everywhere: the log is away, and so is whatever could be claimed
        except LOST:
            raise
        except Exception:
            log.exception("outage_not_recorded")

    async def _record(self) -> None:
        away = await self._pool.fetchrow(AWAY, self._service, LOOP, TOPIC_OF_SERVICE[self._service])
        if away is None or away["lasted"] is None or away["lasted"] <= SHORTEST_OUTAGE:
            return  # the very first start, or somebody went on
        said = RecordOutage(self._service, LOOP, away["now"] - away["lasted"], away["now"], away["overdue"])
        await self._troubles.record(OUTAGE, said, tail=NEWEST)
