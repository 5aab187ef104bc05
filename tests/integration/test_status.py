"""How all services are, as each of them answers it to whoever may read at the operator."""

from datetime import timedelta
from typing import Any

from shared.contracts.topics import ESCALATIONS, TOPICS, VISITS
from shared.contracts.troubles import ClockDiffered, DeadlineFailed, trouble_stream
from shared.runtime.kafka import KafkaSettings
from shared.runtime.topic_admin import ensure
from tests.support.history import record
from tests.support.kafka import Broker
from tests.support.services import Installation
from tests.support.waiting import until
from tests.support.world import ANNA, make_world


def by_topic(kafka: dict[str, Any]) -> int:
    """Return how many records came by topics."""
    return sum(one["by_topic"] for one in kafka["applied"])


async def test_the_status_says_replicas_backlogs_what_is_overdue_and_what_is_not_settled(
    installation: Installation,
) -> None:
    failed = DeadlineFailed(
        service="escalation",
        deadline_stream_id="escalation-v1",
        kind="next_step",
        subject="",
        due_at=await installation.clock.now(),
        visit_id="v1",
        site_id=None,
        reason="error",
        detail="here",
    )
    differs = ClockDiffered(service="escalation", replica="2", seconds=9)
    async with installation.service("checkin") as checkin, installation.service("checkin", replica="2"):
        world = await make_world(installation, checkin)
        await record(installation, "escalation", trouble_stream("escalation", "v1"), failed, visit_id="v1")
        await record(installation, "escalation", trouble_stream("escalation", "2"), differs)
        await installation.admin.execute(
            "INSERT INTO log.deadline VALUES ('escalation-v1', 'next_step', '', 'lonewatch.escalations.v1', log.now())"
        )
        await installation.admin.execute(
            "INSERT INTO log.cycle VALUES ('notifier', '1', 'heartbeat', clock_timestamp() - interval '20 s')"
        )
        await installation.clock.forward(timedelta(seconds=5))

        async def both_have_looked() -> bool:
            replicas = (await world.done(None, "GET", "/status"))["services"]["checkin"]["replicas"]
            return [one["replica"] for one in replicas if {"feed", "clock"} <= one["cycles"].keys()] == ["1", "2"]

        await until(both_have_looked)
        status = await world.done(None, "GET", "/status")
        refused = await world.refused(ANNA, "GET", "/status")
    services = status["services"]
    assert set(services) == {"checkin", "escalation", "notifier", "audit"}
    assert all(age < 10 for one in services["checkin"]["replicas"] for age in one["cycles"].values())
    assert services["checkin"]["unsettled"] == dict.fromkeys(services["checkin"]["unsettled"], 0)
    assert services["escalation"]["unsettled"] == {
        "parked": 0,
        "failing_deadlines": 1,
        "differing_clocks": 1,
        "unreadable_troubles": 0,
    }
    (overdue,) = services["escalation"]["overdue"]
    assert (overdue["kind"], overdue["deadlines"]) == ("next_step", 1)
    assert 5 <= overdue["oldest_seconds"] < 15
    (behind,) = services["escalation"]["behind"]
    assert behind["consumer"] == "escalation"
    assert behind["records"] > 5
    assert services["notifier"]["replicas"][0]["cycles"].keys() == {"heartbeat"}
    assert 20 <= status["heartbeat"]["sent_seconds_ago"] < 40
    assert status["watch"] == {"impaired": False}
    assert refused == (403, "forbidden")
    assert services["escalation"]["kafka"] is None  # known to escalation alone


async def test_without_kafka_the_status_says_so_and_all_came_by_the_log_alone(installation: Installation) -> None:
    async with installation.service("checkin") as checkin:
        world = await make_world(installation, checkin)
        await installation.quiet()
        found = (await world.done(None, "GET", "/status"))["services"]["checkin"]["kafka"]
        metrics = (await checkin.get("/metrics")).text
    assert (found["replica"], found["brokers"]) == ("1", [])
    assert found["following"] == found["relay"] == {"state": "off"}
    visits = next(one for one in found["applied"] if (one["consumer"], one["topic"]) == ("checkin.visit", VISITS))
    assert visits["by_log_alone"] > 0
    assert f'lonewatch_feed_lag_positions{{consumer="checkin",topic="{ESCALATIONS}"}} 0.0' in metrics


async def test_with_kafka_the_status_says_who_follows_and_publishes_and_what_came_by_topics(
    installation: Installation, kafka: Broker
) -> None:
    settings = {"kafka_bootstrap": kafka.bootstrap}
    await ensure(KafkaSettings.of(installation.settings("checkin", **settings)), TOPICS, "test")
    async with installation.service("checkin", **settings) as checkin:
        world = await make_world(installation, checkin)

        async def told() -> dict[str, Any]:
            found: dict[str, Any] = (await world.done(None, "GET", "/status"))["services"]["checkin"]["kafka"]
            return found

        async def at_work() -> bool:
            found = await told()
            return (found["following"]["state"], found["relay"]["state"]) == ("following", "publishing")

        await until(at_work)
        before = by_topic(await told())

        async def came_by_topic() -> bool:
            await world.planned()
            found = await told()
            return by_topic(found) > before and found["relay"]["position"] > 0

        await until(came_by_topic)
        found = await told()
    assert found["brokers"] == [kafka.bootstrap]
    assert {topic: len(numbers) for topic, numbers in found["following"]["partitions"].items()} == {
        VISITS: 16,
        ESCALATIONS: 16,
    }
    assert found["following"]["entered_at"].endswith("Z")
    assert found["relay"]["position"] > 0
