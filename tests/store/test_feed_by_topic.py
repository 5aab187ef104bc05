"""Whatever topics lose, double, shuffle or bring late: every record is applied exactly once, in order per shard."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.carried import Carried
from shared.contracts.topics import AUDIT, ESCALATIONS, VISITS
from shared.runtime.telemetry import FED
from tests.store.by_topic import ANSWERED, FOLLOWS, NOT_APPLIED, Follows, Ground, ground, in_order
from tests.support.campaign import size
from tests.support.services import Clock, cloned
from tests.support.waiting import until

TOPICS = FOLLOWS["notifier:three"]
TOLD = """
SELECT split_part(stream_id, '.', 2)::bigint AS position FROM log.event
WHERE stream_id LIKE 'notification-' || $1 || '.%' ORDER BY log.event.position
"""
SEEN = "SELECT position FROM sample.seen ORDER BY number"


@dataclass(frozen=True)
class Append:
    """Something happens on a topic: in these streams, and what is answered or is not."""

    topic: str
    what: tuple[tuple[int, bool], ...]


@dataclass(frozen=True)
class Bring:
    """A topic brings the next records: each never, once, twice, or long after; in order or shuffled."""

    topic: str
    fates: tuple[int | str, ...]
    shuffled: int | None
    replica: int


@dataclass(frozen=True)
class Again:
    """A topic that was emptied brings everything from its beginning."""

    topic: str
    replica: int


@dataclass(frozen=True)
class Late:
    """What was held back comes after all."""

    shuffled: int
    replica: int


@dataclass(frozen=True)
class Look:
    """The log is looked at, when everything before it is old enough to be read there, or is not yet."""

    overdue: bool
    waits: bool
    """Whether what is going on comes to its end before anything else happens."""
    replica: int


TOPIC = st.sampled_from(TOPICS)
WHAT = st.tuples(st.sampled_from((1, 1, 2)), st.sampled_from((True, True, False)))
REPLICA = st.sampled_from((0, 0, 0, 1))
"""Nearly all by one replica: wherever two are at one shard, one of them rests for a quarter of a second."""

STEPS = st.one_of(
    st.builds(Append, TOPIC, st.lists(WHAT, min_size=2, max_size=5).map(tuple)),
    st.builds(
        Bring,
        TOPIC,
        st.lists(st.sampled_from((1, 0, 2, 1, "late", 1)), min_size=3, max_size=9).map(tuple),
        st.none() | st.integers(0, 99),
        REPLICA,
    ),
    st.builds(Again, TOPIC, REPLICA),
    st.builds(Late, st.integers(0, 99), REPLICA),
    st.builds(Look, st.booleans(), st.booleans(), REPLICA),
)


@dataclass
class Driver:
    """Does what a plan says to the feeds of two replicas."""

    ground: Ground
    replicas: tuple[Follows, Follows]
    clock: Clock
    brought: dict[str, int]
    late: list[Carried]

    async def step(self, step: Append | Bring | Again | Late | Look) -> None:
        """Do one step."""
        match step:
            case Append(topic=topic, what=what):
                for stream, answered in what:
                    await self.ground.append(topic, stream, answered=answered)
            case Bring():
                await self._bring(step)
            case Again(topic=topic, replica=replica):
                self.replicas[replica].feed.offer([one for one in await self.ground.records() if one.topic == topic])
            case Late(shuffled=seed, replica=replica):
                shuffle(self.late, seed)
                self.replicas[replica].feed.offer(self.late)
                self.late.clear()
            case Look(overdue=overdue, waits=waits, replica=replica):
                if overdue:
                    await self.clock.forward(timedelta(seconds=1))
                await self.replicas[replica].feed.look()
                if waits:
                    await self.replicas[replica].follow()

    async def _bring(self, step: Bring) -> None:
        waiting = [one for one in await self.ground.records(self.brought[step.topic]) if one.topic == step.topic]
        batch: list[Carried] = []
        for one, fate in zip(waiting, step.fates, strict=False):
            self.brought[step.topic] = one.place.position
            if fate == "late":
                self.late.append(one)
            else:
                batch += [one] * int(fate)
        if step.shuffled is not None:
            shuffle(batch, step.shuffled)
        self.replicas[step.replica].feed.offer(batch)

    async def all_moved(self) -> bool:
        """Let the log be read for whatever is left; say whether nothing is."""
        await self.clock.forward(timedelta(seconds=1))
        behind = await self.replicas[0].feed.look()
        for one in self.replicas:
            await one.follow()
        return behind == 0


def shuffle(records: list[Carried], seed: int) -> None:
    """Bring records into another order, the same for the same plan."""
    records.sort(key=lambda one: sha256(f"{seed} {one.place.position}".encode()).digest())


def counted() -> float:
    """Return how many records feeds have counted so far, by all ways."""
    return sum(one.value for metric in FED.collect() for one in metric.samples if one.name.endswith("_total"))


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """What all examples run in, so that they share connections."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def shared_ground(template: str, runner: asyncio.Runner) -> Iterator[Ground]:
    """One log for all examples, emptied before each."""

    async def build(stack: AsyncExitStack) -> Ground:
        database = await stack.enter_async_context(cloned(template, "_by_topic"))
        return await stack.enter_async_context(ground(database))

    stack = AsyncExitStack()
    yield runner.run(build(stack))
    runner.run(stack.aclose())


@settings(max_examples=size(40, 1000), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(steps=st.lists(STEPS, min_size=12, max_size=size(25, 80)))
def test_every_record_is_applied_exactly_once_and_in_order_whatever_topics_do(
    shared_ground: Ground, runner: asyncio.Runner, steps: list[Append | Bring | Again | Late | Look]
) -> None:
    runner.run(holds(shared_ground, steps))


async def holds(on: Ground, steps: list[Append | Bring | Again | Late | Look]) -> None:
    """Do what a plan says, then let everything come to its end; nothing may be missing, doubled or out of order."""
    replicas = await on.empty(), Follows(on.notifier)
    for one in replicas:
        one.feed.carried = frozenset(TOPICS)
    before = counted()
    driver = Driver(on, replicas, Clock(on.admin), dict.fromkeys(TOPICS, 0), [])
    for step in steps:
        await driver.step(step)
    await until(driver.all_moved)

    rows = await on.admin.fetch("SELECT position, topic, shard, type FROM log.event ORDER BY position")
    shards = {row["position"]: (row["topic"], row["shard"]) for row in rows}
    for name, topics in FOLLOWS.items():
        told = [row["position"] for row in await on.admin.fetch(TOLD, name.partition(":")[2])]
        assert sorted(told) == [row["position"] for row in rows if row["topic"] in topics and row["type"] in ANSWERED]
        assert in_order(told, shards)
    seen = [row["position"] for row in await on.admin.fetch(SEEN)]
    assert sorted(seen) == [row["position"] for row in rows if row["topic"] in TOPICS and row["type"] in ANSWERED]
    assert in_order(seen, shards)
    assert await on.admin.fetch(NOT_APPLIED) == []
    followed = (*FOLLOWS.values(), TOPICS)
    assert counted() - before == sum(row["topic"] in topics for row in rows for topics in followed)


def by(via: str) -> float:
    """Return how many records came by one way so far."""
    return sum(
        one.value
        for metric in FED.collect()
        for one in metric.samples
        if one.name.endswith("_total") and one.labels["via"] == via
    )


def test_what_comes_by_topics_is_applied_without_a_look(shared_ground: Ground, runner: asyncio.Runner) -> None:
    async def scene() -> None:
        follows = await shared_ground.empty()
        follows.feed.carried = frozenset(TOPICS)
        for number in range(10):
            await shared_ground.append(TOPICS[number % 3], number % 4, answered=True)
        before = by("topic")
        follows.feed.offer(await shared_ground.records())
        await follows.follow()
        assert by("topic") - before == 4 + 3 + 10 + 10
        assert await shared_ground.admin.fetch(NOT_APPLIED) == []

    runner.run(scene())


def test_a_gap_is_read_from_the_log_at_once(shared_ground: Ground, runner: asyncio.Runner) -> None:
    async def scene() -> None:
        follows = await shared_ground.empty()
        follows.feed.carried = frozenset(TOPICS)
        for _ in range(3):
            await shared_ground.append(VISITS, 1, answered=True)
        lost, *came = [one for one in await shared_ground.records() if one.topic == VISITS]
        before = by("log")
        follows.feed.offer(came)
        await follows.follow()
        assert lost.place.predecessor == 0
        assert by("log") - before == 9
        assert await shared_ground.admin.fetch(NOT_APPLIED) == []

    runner.run(scene())


def test_a_topic_has_a_moment_to_bring_a_record_and_then_the_log_is_read(
    shared_ground: Ground, runner: asyncio.Runner
) -> None:
    async def scene() -> None:
        follows, clock = await shared_ground.empty(), Clock(shared_ground.admin)
        follows.feed.carried = frozenset({VISITS})
        await clock.forward(timedelta(hours=1))
        await shared_ground.append(VISITS, 1, answered=True)
        await shared_ground.append(AUDIT, 1, answered=True)
        await shared_ground.admin.execute("UPDATE log.event SET recorded_at = log.now() + '100 ms'::interval")
        await shared_ground.admin.execute("UPDATE log.shift SET by = by + '200 ms'::interval")
        await follows.feed.look()
        await follows.follow()
        left = {row["topic"] for row in await shared_ground.admin.fetch(NOT_APPLIED)}
        assert left == {VISITS}, "the log is read at once for a topic that nothing brings"
        await clock.forward(timedelta(seconds=0.5))
        await follows.feed.look()
        await follows.follow()
        assert await shared_ground.admin.fetch(NOT_APPLIED) == []

    runner.run(scene())


@pytest.mark.parametrize("wrong", ["record", "data", "type", "event", "position", "shard", "stream"])
def test_what_is_not_what_its_headers_say_is_taken_from_the_log(
    wrong: str, shared_ground: Ground, runner: asyncio.Runner
) -> None:
    async def scene() -> None:
        follows = await shared_ground.empty()
        follows.feed.carried = frozenset(TOPICS)
        await shared_ground.append(ESCALATIONS, 1, answered=True)
        (came,) = await shared_ground.records()
        changed = {
            "record": replace(came, record=came.record[:-1]),
            "data": replace(came, record=came.record.replace(b'"turn":0', b'"turn":7')),
            "type": replace(came, type=ANSWERED[0]),
            "event": replace(came, event_id="another"),
            "position": replace(came, place=replace(came.place, position=came.place.position + 1)),
            "shard": replace(came, place=replace(came.place, shard=(came.place.shard + 1) % 64)),
            "stream": replace(came, stream_id="escalation-2"),
        }
        before = by("topic")
        assert changed[wrong] != came
        follows.feed.offer([changed[wrong]])
        await follows.follow()
        await Clock(shared_ground.admin).forward(timedelta(seconds=1))
        await follows.feed.look()
        await follows.follow()
        assert by("topic") == before
        assert await shared_ground.admin.fetch(NOT_APPLIED) == []
        assert await shared_ground.admin.fetchval("SELECT count(*) FROM log.event WHERE type LIKE 'trouble%'") == 0

    runner.run(scene())


def test_a_predecessor_that_is_made_up_hides_no_record(shared_ground: Ground, runner: asyncio.Runner) -> None:
    async def scene() -> None:
        follows = await shared_ground.empty()
        follows.feed.carried = frozenset(TOPICS)
        for _ in range(3):
            await shared_ground.append(VISITS, 1, answered=True)
        *_, last = await shared_ground.records()
        follows.feed.offer([replace(last, place=replace(last.place, predecessor=0))])
        await follows.follow()
        told = await shared_ground.admin.fetch(TOLD, "two")
        assert [row["position"] for row in told] == [row["position"] for row in await shared_ground.admin.fetch(SEEN)]
        assert len(told) == 3

    runner.run(scene())


def test_what_is_made_up_so_that_handlers_fail_holds_no_shard_up(shared_ground: Ground, runner: asyncio.Runner) -> None:
    async def scene() -> None:
        follows = await shared_ground.empty()
        follows.feed.carried, follows.fails_from = frozenset(TOPICS), 1000
        await shared_ground.append(VISITS, 1, answered=True)
        (came,) = await shared_ground.records()
        for position in range(1000, 1010):
            record = came.record.replace(b'"position":1,', b'"position":%d,' % position)
            assert record != came.record
            follows.feed.offer([replace(came, record=record, place=replace(came.place, position=position))])
        await follows.follow()
        assert [row["position"] for row in await shared_ground.admin.fetch(TOLD, "two")] == [1]
        assert await shared_ground.admin.fetchval("SELECT count(*) FROM log.event WHERE type LIKE 'trouble%'") == 0

    runner.run(scene())
