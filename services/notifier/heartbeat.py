"""The heartbeat to the outside: somebody else's dead man's switch hears of us every 15 s, and only while all is done.

Sends nothing about anybody: one GET to the address of the settings, which is a secret and stands in no line. Whoever
keeps the switch rings the operator when it stops. Every replica sends; two heartbeats are one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import structlog

from shared.runtime.clock import pause
from shared.runtime.postgres import LOST
from shared.runtime.status import HEARTBEAT
from shared.runtime.unsettled import Unsettled
from shared.runtime.watch import FRESH, stale

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from pydantic import SecretStr

    from shared.runtime.postgres import Pool
    from shared.runtime.service import Base
    from shared.runtime.telemetry import Cycles

EVERY = 15.0
"""Seconds between two: a switch that waits for a minute bears the loss of two of them."""

AGAIN = 5.0
"""Seconds until the next look after one that was not sent: as soon as all is done, the outside should know."""

TIMEOUT = 5.0
"""Seconds that the other side may take: what takes longer is tried again at the next."""

# Deadlines that have been due for longer than this, by kind. A repeat may wait for the ceiling on calls, so a message that
# was tried before does not count; its attempts are notifier's own rows. Uses deadline_due (topic, due_at).
OVERDUE = """
SELECT d.kind, count(*) AS deadlines FROM log.owner o JOIN log.deadline d USING (topic)
WHERE d.due_at < (SELECT log.now()) - $1::interval
    AND (d.kind <> 'send' OR NOT EXISTS (SELECT FROM notifier.attempt a WHERE a.message_id = d.subject))
GROUP BY d.kind ORDER BY d.kind
"""

# Reactions that have not applied a record for longer than this. One probe a shard in event_topic_shard.
BEHIND = """
SELECT DISTINCT a.consumer FROM log.applied a
CROSS JOIN LATERAL (
    SELECT e.recorded_at FROM log.event e
    WHERE e.topic = a.topic AND e.shard = a.shard AND e.position > a.position ORDER BY e.position LIMIT 1
) AS next
WHERE next.recorded_at < (SELECT log.now()) - $1::interval ORDER BY a.consumer
"""

# Notifications queued for longer than this of which no message was tried, given up or withdrawn.
# Uses message_untried (notification_id) where the state is queued: few at any time.
UNTRIED = """
SELECT count(*) FROM notifier.notification n
WHERE n.notification_id IN (SELECT m.notification_id FROM notifier.message m WHERE m.state = 'queued')
    AND n.queued_at < (SELECT log.now()) - $1::interval AND n.withdrawn IS NULL AND n.not_reached IS NULL
    AND NOT EXISTS (
        SELECT FROM notifier.message m JOIN notifier.attempt a USING (message_id)
        WHERE m.notification_id = n.notification_id
    )
"""

log = structlog.get_logger()


def heartbeat(base: Base, url: SecretStr | None) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
    """Return the loop that sends the heartbeat; none where nobody outside waits for it."""
    if url is None:
        log.warning("no_heartbeat", remedy="set LONEWATCH_HEARTBEAT_URL to the address of a dead man's switch")
        return ()
    limits = httpx2.Limits(max_keepalive_connections=0)  # keeps no connection, so there is nothing to close
    client = httpx2.AsyncClient(limits=limits)
    return (Heartbeat(base.pool, base.settings.alarm_chain, base.cycles, client, url).run,)


class Heartbeat:
    """Sends a heartbeat while everything that is due was done."""

    def __init__(
        self, pool: Pool, services: Sequence[str], cycles: Cycles, client: httpx2.AsyncClient, url: SecretStr
    ) -> None:
        """Send to ``url`` by ``client``; judge by the log behind ``pool``, where all of ``services`` must be at work."""
        self._pool = pool
        self._services = services
        self._cycles = cycles
        self._unsettled = Unsettled(pool)
        self._client = client
        self._url = url

    async def run(self) -> None:
        """Send every 15 s until cancelled."""
        while True:
            sent = False
            try:
                sent = await self.beat()
            except Exception:  # a heartbeat that fails is not sent, and the service goes on calling people
                log.exception("heartbeat_failed")
            await pause(EVERY if sent else AGAIN)

    async def beat(self) -> bool:
        """Send one, unless something speaks against it. Say whether it was sent and taken."""
        try:
            against = await self.against()
        except LOST:
            against = ["the log cannot be read"]
        if against:
            log.critical("heartbeat_withheld", why=against)
            return False
        try:
            answer = await self._client.get(self._url.get_secret_value(), timeout=TIMEOUT, follow_redirects=False)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            log.warning("heartbeat_not_taken", error=type(error).__name__)
            return False
        if not answer.is_success:
            log.warning("heartbeat_not_taken", status=answer.status_code)
            return False
        self._cycles.finish(HEARTBEAT)
        return True

    async def against(self) -> Sequence[str]:
        """Say what was not done that should have been. Raises what is in LOST."""
        found = list(await stale(self._pool, self._services))
        overdue = await self._pool.fetch(OVERDUE, FRESH)
        found += [f"{row['deadlines']} deadlines of kind {row['kind']} are overdue" for row in overdue]
        found += [f"records wait for {row['consumer']}" for row in await self._pool.fetch(BEHIND, FRESH)]
        if untried := await self._pool.fetchval(UNTRIED, FRESH):
            found.append(f"{untried} notifications have no attempt")
        await self._unsettled.refresh()
        if self._unsettled.troubles_parked:
            found.append(f"{self._unsettled.troubles_parked} troubles could not be told to anybody")
        return found
