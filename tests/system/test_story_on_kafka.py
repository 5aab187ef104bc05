"""The demo's story without Kafka, on Kafka, and on a Kafka that dies, comes back empty or lags: it ends the same each time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio

from tests.support.applied import (
    LOG,
    LOG_ALONE,
    NEW,
    TOPIC,
    applied,
    by_topics,
    came_by,
    mark,
    not_once,
    relay_behind,
    republished,
)
from tests.support.campaign import campaign
from tests.support.doctored import doctored
from tests.support.kafka import Broker
from tests.support.live import NO_SETTINGS, lonewatch
from tests.support.operator_policy import seconds
from tests.support.pace import now, reach
from tests.support.story_state import difference, sum_of
from tests.support.told_story import Teller, Told, teller

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTCOMES = {"ended_well", "missed_then_safe", "helped"}
ALARMED = {"missed_then_safe", "helped"}

UNDISTURBED, SLOWED, DYING = seconds(3), seconds(5), seconds(10)
"""From a deadline to the first message in somebody's hands: Kafka as it should be, or off; lagging; dying."""

AWAY = seconds(3)
"""For how long a killed broker stays away: the alarm of the story goes out meanwhile."""

BY_TOPIC = 0.99
"""The share of what feeds apply that comes by the topics while nothing disturbs them."""


VISITS, ESCALATIONS, NOTIFICATIONS = (f"lonewatch.{name}.v1" for name in ("visits", "escalations", "notifications"))
"""The topics that the story leaves something on."""

SOMEBODY = "ada"
"""A worker of the story."""


@dataclass(frozen=True)
class Plain:
    """The story with Kafka off, told once: what every other telling is compared with."""

    told: Told
    doctored: Mapping[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain() -> Plain:
    """Tell the story on an installation that follows the log alone, judge it, and doctor what it left."""
    async with lonewatch() as live, teller(live) as one:
        told = await one.tell()
        await live.check_invariants()
        assert came_by(await applied(live)).keys() <= {LOG_ALONE}
        return Plain(told, await doctored(live.running.dsn(), told.visits["missed_then_safe"]))


@asynccontextmanager
async def on_kafka(kafka: Broker, settings: Mapping[str, str] = NO_SETTINGS) -> AsyncIterator[Teller]:
    """Yield who tells the story on an installation that uses a Kafka, and judge the installation at the end."""
    async with lonewatch(kafka=kafka, settings=settings) as live, teller(live) as one:
        yield one
        assert not_once(NEW, await mark(live)) == []
        await live.check_invariants()


async def test_with_kafka_off_the_story_ends_well_and_alarms_come_within_three_seconds(
    plain: Plain, say: Callable[[str], None]
) -> None:
    assert plain.told.visits.keys() == OUTCOMES
    assert in_time(plain.told, UNDISTURBED, "with Kafka off", say)


async def test_whoever_doctors_any_part_of_the_state_gets_another_sum(plain: Plain) -> None:
    as_it_is = sum_of(plain.told.states["missed_then_safe"])
    assert plain.doctored[""] == as_it_is
    assert [name for name, found in plain.doctored.items() if name and found == as_it_is] == []


@campaign("the demo's test plays the story on a Kafka that nothing disturbs")
async def test_kafka_carries_an_undisturbed_story(kafka: Broker, plain: Plain, say: Callable[[str], None]) -> None:
    async with on_kafka(kafka) as one:
        await by_topics(one.live, SOMEBODY)
        before = await applied(one.live)
        told = await one.tell()
        ways = came_by(await applied(one.live) - before)
    say(f"the undisturbed story: {ways[TOPIC]} of {ways.total()} records came by the topics, {dict(ways)}")
    assert ways[TOPIC] > 0
    assert ways[TOPIC] >= BY_TOPIC * ways.total()
    assert in_time(told, UNDISTURBED, "on Kafka", say)
    assert_same(told, plain)


async def test_a_kafka_that_is_killed_in_the_middle_changes_nothing(
    kafka: Broker, plain: Plain, say: Callable[[str], None]
) -> None:
    async def kill() -> None:
        await asyncio.to_thread(kafka.kill)
        await reach(now() + AWAY)
        await asyncio.to_thread(kafka.start)

    async with on_kafka(kafka) as one:
        await by_topics(one.live, SOMEBODY)
        told = await one.tell(strike=kill)
        await by_topics(one.live, SOMEBODY)
    assert in_time(told, DYING, "while the broker dies", say)
    assert_same(told, plain)


@campaign("feeds and relays meet an emptied Kafka in tests/integration/kafka")
async def test_a_kafka_that_is_wiped_in_the_middle_changes_nothing(
    kafka: Broker, plain: Plain, say: Callable[[str], None]
) -> None:
    async with on_kafka(kafka) as one:
        await by_topics(one.live, SOMEBODY)
        told = await one.tell(strike=lambda: asyncio.to_thread(kafka.wipe))
        await by_topics(one.live, SOMEBODY)
        await republished(one.live, (VISITS, ESCALATIONS, NOTIFICATIONS))
    assert in_time(told, DYING, "while the broker is wiped", say)
    assert_same(told, plain)


@campaign("a story at a record per second takes more than a minute")
async def test_a_relay_slowed_to_a_record_per_second_changes_nothing(
    kafka: Broker, plain: Plain, say: Callable[[str], None]
) -> None:
    async with on_kafka(kafka, {"LONEWATCH_RELAY_MOST_PER_SECOND": "1"}) as one:
        told = await one.tell()
        assert came_by(await applied(one.live))[LOG], "what a topic does not bring in time is read from the log"
        assert await relay_behind(one.live), "the relay has not caught up"
    assert in_time(told, SLOWED, "with a slowed relay", say)
    assert_same(told, plain)


def in_time(told: Told, within: timedelta, where: str, say: Callable[[str], None]) -> bool:
    """Say how long the alarms of a telling took, and whether that was soon enough."""
    found = ", ".join(f"{outcome} {took.total_seconds():.2f} s" for outcome, took in sorted(told.took.items()))
    say(f"{where}, from the deadline or the call for help to the first message: {found}")
    return told.took.keys() == ALARMED and max(told.took.values()) <= within


def assert_same(told: Told, plain: Plain) -> None:
    """Assert that a telling ended as the one with Kafka off, and left the same state of each visit."""
    assert told.visits.keys() == OUTCOMES
    differences = [difference(plain.told.states[one], told.states[one]) for one in sorted(OUTCOMES)]
    sums = [{outcome: sum_of(state) for outcome, state in one.states.items()} for one in (told, plain.told)]
    assert sums[0] == sums[1], "\n".join(differences)
