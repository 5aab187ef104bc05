"""What the feeds of a running Lonewatch have applied, and by which way it came, as their own metrics tell it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

import asyncpg
import httpx2
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from deploy.database import SERVICES
from tests.support.live import Live
from tests.support.pace import now, reach
from tests.support.story_state import settled
from tests.support.waiting import until

APPLIED = "lonewatch_feed_applied_total"
BEHIND = "lonewatch_relay_behind"
GENERATIONS = "lonewatch_relay_generations_total"

TOPIC, LOG, LOG_ALONE = "topic", "log", "log_alone"
"""By the topic; by the log although the topic is followed; by the log as long as no topic is."""

BY_TOPICS_WITHIN = 30.0
"""Seconds until every service uses a Kafka that is there again, whatever became of it before."""

NEWS_EVERY = timedelta(seconds=0.5)
"""Between two pieces of news: longer than Kafka takes with one."""

QUIET_WITHIN = 60.0
"""Seconds until every service has applied what a load left in the log, on a busy machine."""

# How many records each topic should have brought.
RECORDS = "SELECT topic, count(*) AS records FROM log.event GROUP BY topic"

# Every consumer of every service with each topic that it follows, as the rows say that hold where it stands.
FOLLOWED = """
SELECT split_part(consumer, ':', 1) AS service, consumer, topic FROM log.applied
UNION SELECT 'checkin', 'checkin.' || read_model, topic FROM checkin.applied
UNION SELECT 'escalation', 'escalation.' || read_model, topic FROM escalation.applied
UNION SELECT 'notifier', 'notifier.' || read_model, topic FROM notifier.applied
UNION SELECT 'audit', 'audit.' || read_model, topic FROM audit.applied
"""


class Followed(NamedTuple):
    """What all replicas of a service count together."""

    service: str
    consumer: str
    topic: str


class Feed(NamedTuple):
    """What one replica counts together."""

    replica: str
    consumer: str
    topic: str
    via: str


async def applied(live: Live) -> Counter[Feed]:
    """Return how many records each feed has applied since its process began, of all replicas that run."""
    counts = Counter[Feed]()
    async for replica, sample in _samples(live, APPLIED):
        labels = sample.labels
        counts[Feed(replica, labels["consumer"], labels["topic"], labels["via"])] += int(sample.value)
    return counts


def came_by(counts: Counter[Feed]) -> Counter[str]:
    """Return how many records came by which way, of all feeds together."""
    ways = Counter[str]()
    for feed, number in counts.items():
        ways[feed.via] += number
    return ways


async def by_topics(live: Live, worker_id: str, within: float = BY_TOPICS_WITHIN) -> None:
    """Wait until every service applies what comes by the topics; until then there is something new for all of them.

    A token is issued each time: every service follows what happens to a worker, and nothing comes of it.
    """
    before = await applied(live)

    async def carried() -> bool:
        await live.admin.post(f"/checkin/workers/{worker_id}/tokens")
        await reach(now() + NEWS_EVERY)
        found = await applied(live) - before
        return {feed.replica.partition("-")[0] for feed in found if feed.via == TOPIC} == set(SERVICES)

    await until(carried, within)


async def relay_behind(live: Live) -> int:
    """Return how many positions the relay that is furthest behind has before it."""
    return max([int(sample.value) async for _, sample in _samples(live, BEHIND)], default=0)


async def republished(live: Live, topics: Collection[str]) -> None:
    """Wait until these topics have been published again from the beginning, by relays that run since before."""

    async def all_of_them() -> bool:
        return {sample.labels["topic"] async for _, sample in _samples(live, GENERATIONS) if sample.value} >= set(
            topics
        )

    await until(all_of_them, BY_TOPICS_WITHIN)


@dataclass(frozen=True)
class Mark:
    """Where the topics and the counts stood at a moment when all was quiet."""

    records: Counter[str] = field(default_factory=Counter)
    """How many records each topic should have brought."""
    counted: Counter[Feed] = field(default_factory=Counter)
    followed: frozenset[Followed] = frozenset()
    """Who should have counted something, whoever did."""


NEW = Mark()
"""Where everything stood when the installation was new."""


async def mark(live: Live) -> Mark:
    """Return where everything stands, as soon as every service has applied all that the log holds."""
    connection = await asyncpg.connect(live.running.dsn(), ssl=False)
    try:
        await until(lambda: settled(connection), QUIET_WITHIN)
        records = Counter({row["topic"]: row["records"] for row in await connection.fetch(RECORDS)})
        followed = frozenset(Followed(*row) for row in await connection.fetch(FOLLOWED))
    finally:
        await connection.close()
    return Mark(records, await applied(live), followed)


def not_once(since: Mark, now_: Mark) -> list[str]:
    """Return a sentence for each feed that has not applied every record since a mark exactly once, over all replicas.

    One that counted nothing is among them. True only where no process ended in between: what it counted is lost with it.
    """
    records, totals = now_.records - since.records, Counter(dict.fromkeys(now_.followed, 0))
    for feed in now_.counted:
        service = feed.replica.partition("-")[0]
        totals[Followed(service, feed.consumer, feed.topic)] += now_.counted[feed] - since.counted[feed]
    return [
        f"{service}: {consumer} applied {total} records of {topic}, which has {records[topic]}"
        for (service, consumer, topic), total in sorted(totals.items())
        if total != records[topic]
    ]


async def _samples(live: Live, name: str) -> AsyncIterator[tuple[str, Sample]]:
    """Yield every sample of a metric, with the replica that has it. A replica that is away has none."""
    addresses = {one: at for one, at in live.running.fleet.addresses.items() if live.running.processes[one].pid}
    async with httpx2.AsyncClient(timeout=20, trust_env=False) as client:
        asked = [client.get(f"{at}/metrics") for at in addresses.values()]
        for replica, answer in zip(addresses, await asyncio.gather(*asked), strict=True):
            for family in text_string_to_metric_families(answer.text):
                for sample in family.samples:
                    if sample.name == name:
                        yield replica, sample
