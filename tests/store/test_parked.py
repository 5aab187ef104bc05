"""A parked record keeps what follows of its visit waiting, nothing else, and is replayed once or discarded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from shared.contracts.accounts import TokenIssued
from shared.contracts.envelope import Recorded, decode
from shared.contracts.troubles import RecordDiscarded, RecordMended, RecordParked, RecordReplayed
from shared.contracts.visits import VisitCancelled
from shared.decider import Rejected
from shared.runtime.consumers import Follower, Reaction
from shared.runtime.feed import Feed
from shared.runtime.log import By, Cause, Write
from shared.runtime.parking import Parking
from shared.runtime.reading import Unreadable
from shared.runtime.telemetry import Cycles
from tests.store.appending import Writer, appends, fact, to
from tests.store.following import CONSUMER, MAKE_READ_MODEL, START_REACTION, Answers, Fails, Replica, never, reaction
from tests.support.services import Database
from tests.support.waiting import until

BY = By("w1", "corr-9")
TOLD = "SELECT split_part(stream_id, '-', 2)::bigint FROM log.event WHERE stream_id LIKE 'notification-%' ORDER BY position"
TROUBLES = "SELECT record, position FROM log.event WHERE type LIKE 'trouble.%' ORDER BY position"
APPLIED = "SELECT max(position) FROM log.applied WHERE consumer = 'notifier:sample'"
TAKE_BACK = "UPDATE log.applied SET position = 0 WHERE consumer = 'notifier:sample'"


@pytest.fixture
async def followed(checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[Writer]:
    """Checkin, whose topic has a follower from the beginning on."""
    await admin.execute(MAKE_READ_MODEL)
    await admin.execute(START_REACTION)
    yield checkin
    await admin.execute("DROP SCHEMA sample CASCADE")


@pytest.fixture
async def notifier(database: Database, followed: Writer) -> AsyncIterator[Writer]:
    """One process of notifier."""
    assert not followed.pool.is_closing()
    async with appends(database.dsn("notifier")) as writer:
        yield writer


@pytest.fixture
async def other(database: Database, followed: Writer) -> AsyncIterator[Writer]:
    """Another process of notifier."""
    assert not followed.pool.is_closing()
    async with appends(database.dsn("notifier")) as writer:
        yield writer


def at(*positions: int) -> Fails:
    """Fail at these positions."""
    return lambda recorded: recorded.position in positions


def follows(writer: Writer, fails: Fails = never, urgent: frozenset[str] = frozenset()) -> Replica:
    """Return a process that answers tokens and cancellations."""
    answers = Answers(writer, fails)
    both = {TokenIssued.type: answers.answer, VisitCancelled.type: answers.answer}
    told = replace(reaction(answers.answer), answers=both, urgent=urgent)
    return Replica(Feed(writer.pool, writer.pool, writer.troubles, [told], [], Cycles(writer.pool, "one")), answers)


def parking(one: Replica) -> Parking:
    """Return what is parked for a process, and its handlers."""
    writer = one.answers.writer
    return Parking(Follower(writer.pool, writer.troubles), one.feed.reactions, one.feed.read_models)


async def followed_to_the_end(one: Replica) -> None:
    """Follow until nothing is left, pauses after failures included."""

    async def nothing_left() -> bool:
        await one.follow()
        return await one.feed.look() == 0 and not one.feed.working

    await until(nothing_left)


async def told(admin: asyncpg.Connection[asyncpg.Record]) -> list[int]:
    return [row[0] for row in await admin.fetch(TOLD)]


async def troubles(admin: asyncpg.Connection[asyncpg.Record]) -> list[object]:
    return [decode(row["record"]).event for row in await admin.fetch(TROUBLES)]


async def test_the_fact_and_the_position_are_one_commit(
    followed: Writer, notifier: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await followed.append(to("visit-a", visit_id="a"))
    await followed_to_the_end(follows(notifier, at(1)))
    (parked,) = await troubles(admin)
    assert isinstance(parked, RecordParked)
    assert (parked.parked_id, parked.position, parked.visit_id) == ("notifier_sample.1", 1, "a")
    assert parked.detail.startswith("RuntimeError at ")
    assert await admin.fetchval(APPLIED) == 1
    await admin.execute(TAKE_BACK)  # as if the position had not moved with it
    await followed_to_the_end(follows(notifier, at(1)))
    assert await troubles(admin) == [parked]


async def test_what_follows_of_the_visit_waits_and_another_visit_and_what_is_urgent_do_not(
    followed: Writer, notifier: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    cancelled = VisitCancelled(visit_id="a", reason="none")
    await followed.append(to("visit-a", 0, 1, visit_id="a"))
    await followed.append(to("worker-b", 0, 1, visit_id="b"))
    await followed.append(to("visit-a", 1, 1, visit_id="a"))
    await followed.append(Write("visit-a", 2, [cancelled], visit_id="a"))
    await followed_to_the_end(follows(notifier, at(1), urgent=frozenset({VisitCancelled.type})))
    assert sorted(await told(admin)) == [2, 4]
    parked = [event for event in await troubles(admin) if isinstance(event, RecordParked)]
    assert [(event.position, event.reason, event.behind) for event in parked] == [
        (1, "handler_failed", None),
        (3, "behind", "notifier_sample.1"),
    ]


async def test_a_replayed_record_takes_effect_once_and_what_waits_behind_it_follows_in_order(
    followed: Writer, notifier: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await followed.append(to("visit-a", events=3, visit_id="a"))
    await followed_to_the_end(follows(notifier, at(1)))
    assert await told(admin) == []
    better = parking(follows(notifier))
    with pytest.raises(Rejected, match="parked_behind_another"):
        await better.replay("notifier_sample.2", BY)
    results = await asyncio.gather(*(better.replay("notifier_sample.1", BY) for _ in range(3)), return_exceptions=True)
    assert not [result for result in results if isinstance(result, BaseException)]
    assert await told(admin) == [1, 2, 3]
    replayed = [event for event in await troubles(admin) if isinstance(event, RecordReplayed)]
    assert [event.parked_id for event in replayed] == [f"notifier_sample.{position}" for position in (1, 2, 3)]
    assert {event.by for event in replayed} == {"w1"}
    outcome = await followed.append(to("visit-a", 3, visit_id="a"))
    await followed_to_the_end(follows(notifier))
    assert await told(admin) == [1, 2, 3, outcome.last_position]


async def test_a_record_that_still_fails_stays_parked_with_what_is_behind_it(
    followed: Writer, notifier: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await followed.append(to("visit-a", events=3, visit_id="a"))
    await followed_to_the_end(follows(notifier, at(1)))
    with pytest.raises(Unreadable, match="handler_failed"):
        await parking(follows(notifier, at(1))).replay("notifier_sample.1", BY)
    released = await parking(follows(notifier, at(2))).replay("notifier_sample.1", BY)
    assert (released.replayed, released.stopped_at) == (["notifier_sample.1"], "notifier_sample.2")
    assert await told(admin) == [1]
    released = await parking(follows(notifier)).replay("notifier_sample.2", BY)
    assert released.replayed == ["notifier_sample.2", "notifier_sample.3"]
    assert await told(admin) == [1, 2, 3]


async def test_discarding_releases_what_waits_behind(
    followed: Writer, notifier: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await followed.append(to("visit-a", events=3, visit_id="a"))
    one = follows(notifier, at(1))
    await followed_to_the_end(one)
    released = await parking(one).discard("notifier_sample.1", "no_use", BY)
    assert released.replayed == ["notifier_sample.2", "notifier_sample.3"]
    assert await told(admin) == [2, 3]
    assert RecordDiscarded(parked_id="notifier_sample.1", by="w1", reason="no_use") in await troubles(admin)
    assert await parking(one).waiting() == []
    with pytest.raises(Rejected, match="parked_discarded"):
        await parking(one).replay("notifier_sample.1", BY)
    assert await told(admin) == [2, 3]


async def test_mended_data_is_what_the_handler_is_given(
    followed: Writer, notifier: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    def without_mended_token(recorded: Recorded) -> bool:
        return isinstance(recorded.event, TokenIssued) and recorded.event.token_id != "mended"

    await followed.append(to("visit-a", visit_id="a"))
    one = follows(notifier, without_mended_token)
    await followed_to_the_end(one)
    with pytest.raises(Unreadable, match="data_of_another_shape"):
        await parking(one).mend("notifier_sample.1", {"worker_id": "w1"}, BY)
    data = {**fact().model_dump(mode="json"), "token_id": "mended"}
    await parking(one).mend("notifier_sample.1", data, BY)
    assert (await parking(one).replay("notifier_sample.1", BY)).replayed == ["notifier_sample.1"]
    assert await told(admin) == [1]
    assert [type(event) for event in await troubles(admin)] == [RecordParked, RecordMended, RecordReplayed]


async def test_two_replicas_park_once_and_keep_what_follows_waiting(
    followed: Writer, notifier: Writer, other: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    for number in range(6):
        visit_id = f"v{number}"
        await followed.append(to(f"visit-{visit_id}", events=6, visit_id=visit_id))
    poisoned = set(range(1, 37, 6))
    replicas = [follows(writer, at(*poisoned)) for writer in (notifier, other)]
    await asyncio.gather(*(followed_to_the_end(one) for one in replicas))
    parked = [event for event in await troubles(admin) if isinstance(event, RecordParked)]
    assert sorted(event.position for event in parked) == list(range(1, 37))
    assert {event.position for event in parked if event.behind is None} == poisoned
    assert await told(admin) == []


async def test_a_replay_while_the_visit_goes_on_loses_nothing_and_keeps_the_order(
    followed: Writer, notifier: Writer, other: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await followed.append(to("visit-a", events=5, visit_id="a"))
    await followed_to_the_end(follows(notifier, at(1)))
    following = follows(other)
    running = asyncio.create_task(following.feed.run())

    async def goes_on() -> None:
        for number in range(5, 30):
            await followed.append(to("visit-a", number, visit_id="a"))

    await asyncio.gather(goes_on(), parking(follows(notifier)).replay("notifier_sample.1", BY))

    async def all_told() -> bool:
        for parked in await parking(following).waiting():
            await parking(following).replay(parked.fact.parked_id, BY)
        return len(await told(admin)) == 30

    await until(all_told)
    running.cancel()
    await asyncio.wait({running})
    positions = await told(admin)
    assert positions == sorted(positions)


async def test_parking_that_cannot_be_appended_is_tried_again(
    followed: Writer, notifier: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await followed.append(to("visit-a", visit_id="a"))
    await admin.execute("DELETE FROM log.stream_kind WHERE kind = 'notifier_trouble'")
    one = follows(notifier, at(1))

    async def tried_often() -> bool:
        await one.follow()
        return len(one.answers.given) > 3

    await until(tried_often)
    await admin.execute("INSERT INTO log.stream_kind VALUES ('notifier_trouble', 'lonewatch.notifications.v1')")
    await followed_to_the_end(one)
    assert len(await troubles(admin)) == 1


def test_a_reaction_lets_troubles_and_what_is_urgent_pass() -> None:
    async def answer(_: Recorded, __: Cause, ___: By) -> None:
        """Answer nothing."""

    types = (TokenIssued.type, VisitCancelled.type, RecordParked.type)
    one = Reaction(CONSUMER, (), dict.fromkeys(types, answer), frozenset({VisitCancelled.type}))
    assert [type_ for type_ in (*types, "visit.planned.v1") if one.waits(type_)] == [TokenIssued.type]
