"""How far consumers are behind, as PostgreSQL knows it: shard by shard, and as metrics of the worst."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from shared.contracts.topics import ESCALATIONS, VISITS, shard_of
from shared.contracts.troubles import ClockDiffered, trouble_stream
from shared.runtime import lag
from shared.runtime.consumers import Reaction, ReadModel
from shared.runtime.lag import Lags
from shared.runtime.postgres import open_pool
from shared.runtime.telemetry import REGISTRY
from tests.support.history import record
from tests.support.services import Installation

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool

REACTION = Reaction("checkin", (ESCALATIONS,), {})
READ_MODEL = ReadModel("visit", "checkin", (VISITS,), {})

FIRST, SECOND = (trouble_stream("escalation", replica) for replica in ("1", "2"))


@pytest_asyncio.fixture
async def pool(installation: Installation) -> AsyncIterator[Pool]:
    """Connections as checkin has them."""
    made = await open_pool(installation.database.dsn("checkin"), size=2)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look be a new one."""
    monkeypatch.setattr(lag, "KEPT", -1.0)


async def say(installation: Installation, service: str, stream_id: str, times: int = 1) -> None:
    for _ in range(times):
        await record(installation, service, stream_id, ClockDiffered(service=service, replica="1", seconds=9))


def metric(name: str, consumer: str, topic: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"consumer": consumer, "topic": topic})


@pytest.mark.usefixtures("at_once")
async def test_every_shard_that_lags_is_told_with_its_records_and_the_age_of_the_oldest(
    installation: Installation, pool: Pool
) -> None:
    lags = Lags(pool, [REACTION], [READ_MODEL])
    assert await lags.read() == ()
    await say(installation, "escalation", FIRST, 3)
    await installation.clock.forward(timedelta(seconds=30))
    await say(installation, "checkin", trouble_stream("checkin", "1"))
    found = await lags.read()
    assert found is not None
    assert [(one.consumer, one.topic, one.shard, one.positions) for one in found] == [
        ("checkin", ESCALATIONS, shard_of(FIRST), 3),
        ("checkin.visit", VISITS, shard_of(trouble_stream("checkin", "1")), 1),
    ]
    assert 30 <= found[0].seconds < 45
    assert 0 <= found[1].seconds < 15


@pytest.mark.usefixtures("at_once")
async def test_the_metrics_are_those_of_the_worst_shard_and_zero_where_nothing_lags(
    installation: Installation, pool: Pool
) -> None:
    lags = Lags(pool, [REACTION], [READ_MODEL])
    await say(installation, "escalation", FIRST)
    await installation.clock.forward(timedelta(seconds=30))
    await say(installation, "escalation", SECOND, 2)
    await lags.measure()
    assert metric("lonewatch_feed_lag_positions", "checkin", ESCALATIONS) == 2
    seconds = metric("lonewatch_feed_lag_seconds", "checkin", ESCALATIONS)
    assert seconds is not None
    assert 30 <= seconds < 45
    assert metric("lonewatch_feed_lag_positions", "checkin.visit", VISITS) == 0
    await installation.admin.execute("UPDATE log.applied SET position = 1000 WHERE consumer = 'checkin'")
    await lags.measure()
    assert metric("lonewatch_feed_lag_positions", "checkin", ESCALATIONS) == 0
    assert metric("lonewatch_feed_lag_seconds", "checkin", ESCALATIONS) == 0


@pytest.mark.usefixtures("at_once")
async def test_a_log_that_cannot_be_read_is_no_lag_of_nothing_and_leaves_metrics_without_a_number(
    installation: Installation, pool: Pool
) -> None:
    lags = Lags(pool, [REACTION], [READ_MODEL])
    await say(installation, "escalation", FIRST)
    await pool.close()
    assert await lags.read() is None
    await lags.measure()
    assert math.isnan(metric("lonewatch_feed_lag_positions", "checkin", ESCALATIONS) or 0)
    assert math.isnan(metric("lonewatch_feed_lag_seconds", "checkin.visit", VISITS) or 0)


@pytest.mark.usefixtures("at_once")
async def test_a_long_backlog_is_counted_no_further_than_is_said(installation: Installation, pool: Pool) -> None:
    said = ClockDiffered(service="escalation", replica="1", seconds=9)
    await record(installation, "escalation", FIRST, *[said] * (lag.COUNTED + 3))
    found = await Lags(pool, [REACTION], [READ_MODEL]).read()
    assert found is not None
    assert [one.positions for one in found] == [lag.COUNTED]


async def test_within_two_seconds_the_log_is_asked_once_however_many_ask(
    installation: Installation, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(lag, "monotonic", lambda: now)
    asked = 0

    class Counting:
        async def fetch(self, *given: Any) -> Any:
            nonlocal asked
            asked += 1
            return await pool.fetch(*given)

    counting: Any = Counting()
    lags = Lags(counting, [REACTION], [READ_MODEL])
    assert await lags.read() == ()
    await say(installation, "escalation", FIRST)
    for _ in range(5):
        assert await lags.read() == ()
    assert asked == 2
    now += 2.5
    assert len(await lags.read() or ()) == 1
    assert asked == 4
