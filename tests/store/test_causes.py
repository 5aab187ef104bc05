"""A cause takes effect once: the events of a reaction and the position it has applied are one commit."""

from __future__ import annotations

import asyncpg
import pytest

from shared.contracts.topics import VISITS, shard_of
from shared.decider import Deadline
from shared.runtime.log import AlreadyApplied, Cause, FeedGap, NotAsRecorded, Outcome, WrongExpectedVersion
from tests.store.appending import T0, Writer, settled, to

SHARD = 7
POSITION = "SELECT position FROM log.applied WHERE consumer = 'checkin:follower' AND topic = $1 AND shard = $2"
EVENTS = "SELECT count(*) FROM log.event"


@pytest.fixture
async def follower(checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]) -> Writer:
    """Whoever reacts; its rows start at the head of an empty log."""
    await admin.execute("SELECT log.start_reaction('checkin:follower', $1)", VISITS)
    return checkin


def cause(after: int, position: int, shard: int = SHARD, consumer: str = "checkin:follower") -> Cause:
    return Cause(consumer, VISITS, shard, after, position)


async def applied(admin: asyncpg.Connection[asyncpg.Record], shard: int = SHARD) -> int | None:
    position: int | None = await admin.fetchval(POSITION, VISITS, shard)
    return position


async def test_a_reaction_starts_at_the_head_of_the_moment(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to("worker-a", events=4))
    await admin.execute("SELECT log.start_reaction('checkin:follower', $1)", VISITS)
    assert {await applied(admin, shard) for shard in range(64)} == {4}


@pytest.mark.parametrize("events", [2, 0])
async def test_a_cause_applies_once_with_events_or_without(
    follower: Writer, admin: asyncpg.Connection[asyncpg.Record], events: int
) -> None:
    outcome = await follower.append(to("worker-a", events=events), origin=cause(0, 10))
    assert outcome.first
    assert await applied(admin) == 10
    with pytest.raises(AlreadyApplied):
        await follower.append(to("worker-a", events, events=1), origin=cause(0, 10))
    assert await applied(admin) == 10
    assert await admin.fetchval(EVENTS) == events


async def test_a_cause_without_any_write_moves_the_position(
    follower: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await follower.append(origin=cause(0, 10))
    assert (await applied(admin), await applied(admin, SHARD + 1)) == (10, 0)


@pytest.mark.parametrize("after", [1, 9])
async def test_a_cause_that_does_not_follow_what_is_applied_is_a_gap(
    follower: Writer, admin: asyncpg.Connection[asyncpg.Record], after: int
) -> None:
    with pytest.raises(FeedGap):
        await follower.append(to("worker-a"), origin=cause(after, 10))
    assert await applied(admin) == 0
    assert await admin.fetchval(EVENTS) == 0


async def test_a_cause_below_what_is_applied_took_effect_before(follower: Writer) -> None:
    await follower.append(origin=cause(0, 10))
    for after, position in ((0, 4), (4, 9), (9, 10)):
        with pytest.raises(AlreadyApplied):
            await follower.append(to("worker-a"), origin=cause(after, position))


async def test_a_consumer_without_its_row_is_told_about_its_migration(follower: Writer) -> None:
    missing, neighbour = await settled(
        follower.append(to("worker-a"), origin=cause(0, 10, consumer="checkin:nobody")), follower.append(to("worker-b"))
    )
    assert isinstance(missing, RuntimeError)
    assert "no_applied_row" in str(missing)
    assert "migration" in str(missing)
    assert isinstance(neighbour, Outcome)


async def test_causes_of_one_shard_keep_their_order_in_one_tick(
    follower: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    results = await settled(
        *(follower.append(to("worker-a", number), origin=cause(number, number + 1)) for number in range(20))
    )
    assert all(isinstance(result, Outcome) for result in results)
    assert await applied(admin) == 20


async def test_of_two_replicas_that_answer_one_cause_at_once_one_takes_effect(
    follower: Writer, other_checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    for number in range(50):
        results = await settled(
            *(
                writer.append(to(f"worker-{name}-{number}"), origin=cause(number, number + 1))
                for name, writer in (("a", follower), ("b", other_checkin))
            )
        )
        assert sum(isinstance(result, Outcome) for result in results) == 1
        assert sum(isinstance(result, AlreadyApplied) for result in results) == 1
    assert await admin.fetchval(EVENTS) == 50


async def test_a_cause_whose_command_was_too_late_moves_nothing(
    follower: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await follower.append(to("worker-a"))
    with pytest.raises(WrongExpectedVersion):
        await follower.append(to("worker-a"), origin=cause(0, 10))
    assert await applied(admin) == 0


async def test_a_call_that_fails_after_it_moved_the_position_leaves_neither_position_nor_events(
    follower: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    twice = Deadline("check_in", "v1", T0)  # refused by the last statement of the call
    with pytest.raises(asyncpg.CardinalityViolationError):
        await follower.append(to("worker-a", 0, 1, twice, twice), origin=cause(0, 10))
    assert await applied(admin) == 0
    assert await admin.fetchval(EVENTS) == 0


async def test_no_service_moves_the_position_of_another_services_consumer(
    follower: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await admin.execute("SELECT log.start_reaction('notifier:sample', $1)", VISITS)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await follower.append(origin=cause(0, 10, consumer="notifier:sample"))


async def test_what_came_by_a_topic_takes_effect_only_where_the_log_has_it_like_that(
    follower: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await follower.append(to("worker-a", events=3))
    shard = shard_of("worker-a")
    found = await admin.fetch("SELECT position, sha256(record) AS sha256 FROM log.event ORDER BY position")
    seen = tuple((row["position"], row["sha256"]) for row in found)
    changed = (*seen[:2], (3, b"another record of that length!!!"))
    made_up = (*seen, (4, seen[0][1]))
    for wrong in (changed, made_up, ((1, seen[1][1]),)):
        last = wrong[-1][0]
        with pytest.raises(NotAsRecorded):
            await follower.append(
                to("worker-a", 3, events=1), origin=Cause("checkin:follower", VISITS, shard, 0, last, wrong)
            )
    with pytest.raises(NotAsRecorded):
        await follower.append(origin=Cause("checkin:follower", VISITS, shard + 1 - 64 * (shard == 63), 0, 3, seen))
    assert (await applied(admin, shard), await admin.fetchval(EVENTS)) == (0, 3)

    await follower.append(to("worker-a", 3, events=1), origin=Cause("checkin:follower", VISITS, shard, 0, 3, seen))
    assert (await applied(admin, shard), await admin.fetchval(EVENTS)) == (3, 4)
