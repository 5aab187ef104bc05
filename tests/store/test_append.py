"""One call appends many commands: each is all or nothing, each gets its own answer, and none harms its neighbours."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import asyncpg
import pytest

from shared.decider import Deadline
from shared.runtime.log import OtherContent, Outcome, Write, WrongExpectedVersion
from shared.runtime.records import LARGEST_EVENT, MOST_EVENTS, Malformed
from tests.store.appending import T0, Writer, fact, outside, settled, to

ROUNDS = 200
"""How often two writers race for one version: each has won many times by then."""

CALLS = "SELECT count(DISTINCT xmin::text) FROM log.event"
VERSIONS = "SELECT stream_id, max(version) AS version FROM log.event GROUP BY stream_id"
TYPE_OF = "SELECT record FROM log.event WHERE stream_id = $1"


def won(results: object) -> list[Outcome]:
    assert isinstance(results, list)
    return [result for result in results if isinstance(result, Outcome)]


async def versions(admin: asyncpg.Connection[asyncpg.Record]) -> dict[str, int]:
    return {row["stream_id"]: row["version"] for row in await admin.fetch(VERSIONS)}


async def test_of_two_writers_of_one_version_exactly_one_wins(checkin: Writer, other_checkin: Writer) -> None:
    for version in range(ROUNDS):
        results = await settled(*(writer.append(to("worker-a", version)) for writer in (checkin, other_checkin)))
        (lost,) = [result for result in results if not isinstance(result, Outcome)]
        assert isinstance(lost, WrongExpectedVersion)
        assert lost.stream_id == "worker-a"
        assert [outcome.last_position for outcome in won(results)] == [version + 1]


async def test_of_ten_callers_of_one_sequencer_exactly_one_wins_a_version(checkin: Writer) -> None:
    results = await settled(*(checkin.append(to("worker-a")) for _ in range(10)))
    assert len(won(results)) == 1
    assert sum(isinstance(result, WrongExpectedVersion) for result in results) == 9


async def test_what_waits_goes_in_one_call(checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]) -> None:
    await settled(*(checkin.append(to(f"worker-{number}")) for number in range(300)))
    assert await admin.fetchval(CALLS) <= 2  # the first may have gone before the others came


async def test_commands_that_touch_one_another_keep_their_order(checkin: Writer) -> None:
    results = await settled(*(checkin.append(to("worker-a", version)) for version in range(50)))
    assert [outcome.first_position for outcome in won(results)] == list(range(1, 51))


async def test_a_command_of_several_streams_is_all_or_nothing_while_its_neighbours_succeed(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to("worker-b"))
    before, mixed, after = await settled(
        checkin.append(to("worker-before", events=3)),
        checkin.append(to("worker-a", events=2), to("worker-b", version=0), to("worker-c"), origin=outside("mixed")),
        checkin.append(to("worker-after", events=2), to("visit-after", events=3)),
    )
    assert isinstance(mixed, WrongExpectedVersion)
    assert isinstance(before, Outcome)
    assert isinstance(after, Outcome)
    assert (before.first_position, before.last_position) == (2, 4)
    assert (after.first_position, after.last_position) == (5, 9)
    assert await versions(admin) == {"worker-b": 1, "worker-before": 3, "worker-after": 2, "visit-after": 3}
    assert await admin.fetchval("SELECT count(*) FROM log.command") == 0


async def test_a_command_may_have_as_many_events_as_one_call(checkin: Writer) -> None:
    outcome = await checkin.append(to("worker-a", events=MOST_EVENTS))
    assert outcome.last_position == MOST_EVENTS
    with pytest.raises(Malformed, match="at most"):
        await checkin.append(to("worker-b", events=MOST_EVENTS + 1))


async def test_a_guard_that_still_holds_lets_a_command_pass(checkin: Writer) -> None:
    await checkin.append(to("grant-s1", events=3))
    outcome = await checkin.append(to("worker-a"), guards={"grant-s1": 3, "grant-s2": 0})
    assert outcome.first


async def test_a_guard_that_has_moved_on_refuses_the_command(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to("grant-s1", events=3))
    with pytest.raises(WrongExpectedVersion, match="grant-s1"):
        await checkin.append(to("worker-a"), guards={"grant-s1": 2})
    assert "worker-a" not in await versions(admin)


async def test_a_guard_on_a_stream_that_an_earlier_command_of_the_same_tick_writes_sees_it(checkin: Writer) -> None:
    written, guarded = await settled(
        checkin.append(to("grant-s1")), checkin.append(to("worker-a"), guards={"grant-s1": 0})
    )
    assert isinstance(written, Outcome)
    assert isinstance(guarded, WrongExpectedVersion)


async def test_a_guard_holds_for_a_command_before_the_one_that_writes_the_stream(checkin: Writer) -> None:
    results = await settled(checkin.append(to("worker-a"), guards={"grant-s1": 0}), checkin.append(to("grant-s1")))
    assert len(won(results)) == 2


async def test_of_two_commands_that_guard_what_the_other_writes_one_wins(
    checkin: Writer, other_checkin: Writer
) -> None:
    for number in range(50):
        left, right = f"worker-l{number}", f"worker-r{number}"
        for first, second in ((checkin, checkin), (checkin, other_checkin)):
            version = 0 if second is checkin else 1
            now = {left: version, right: version}
            results = await settled(
                first.append(to(left, version), guards={right: version}),
                second.append(to(right, version), guards={left: version}),
            )
            assert len(won(results)) == 1
            behind = left if isinstance(results[0], WrongExpectedVersion) else right
            await checkin.append(to(behind, now[behind]))  # so that both start level again


def nul() -> Write:
    return Write("worker-bad", 0, [fact().model_copy(update={"token_id": "a\0b"})])


def surrogate() -> Write:
    return Write("worker-bad", 0, [fact().model_copy(update={"token_id": "\ud800"})])


def surrogate_in_a_visit_id() -> Write:
    return to("visit-bad", visit_id="\udfff")


def oversize() -> Write:
    return Write("worker-bad", 0, [fact().model_copy(update={"token_id": "x" * LARGEST_EVENT})])


@pytest.mark.parametrize("broken", [nul, surrogate, surrogate_in_a_visit_id, oversize])
async def test_what_cannot_be_stored_is_refused_alone_and_before_the_call(checkin: Writer, broken: object) -> None:
    assert callable(broken)
    before, refused, after = await settled(
        checkin.append(to("worker-a")), checkin.append(broken()), checkin.append(to("worker-b"))
    )
    assert isinstance(refused, Malformed)
    assert "x" * 100 not in str(refused)
    assert [outcome.last_position for outcome in won([before, after])] == [1, 2]


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_an_id_or_an_answer_that_cannot_be_stored_is_malformed(checkin: Writer, text: str) -> None:
    with pytest.raises(Malformed):
        await checkin.append(to("worker-a"), origin=outside(text))
    with pytest.raises(Malformed):
        await checkin.append(to("worker-a"), guards={f"grant-{text}": 0})


async def test_a_backslash_before_u0000_is_no_nul(checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]) -> None:
    written = fact().model_copy(update={"token_id": r"\u0000"})
    await checkin.append(Write("worker-a", 0, [written]))
    assert rb'"\\u0000"' in await admin.fetchval(TYPE_OF, "worker-a")


TWICE = Deadline("check_in", "v1", T0)

INCOMPRESSIBLE = "".join(sha256(bytes([number])).hexdigest() for number in range(200))
"""An id of 12,800 characters, far above what an index can hold."""


@pytest.mark.parametrize(
    "broken",
    [to("worker-bad", 2**31), to("worker-" + INCOMPRESSIBLE), to("worker-bad", 0, 1, TWICE, TWICE)],
    ids=["version out of range", "id too long for an index", "one deadline twice"],
)
async def test_a_command_that_the_database_refuses_fails_alone(checkin: Writer, broken: Write) -> None:
    good = [checkin.append(to(f"worker-{number}")) for number in range(20)]
    results = await settled(*good[:10], checkin.append(broken), *good[10:])
    assert isinstance(results[10], asyncpg.PostgresError)
    assert sorted(outcome.last_position or 0 for outcome in won(results)) == list(range(1, 21))


async def test_a_repeat_gets_the_first_answer(checkin: Writer, other_checkin: Writer) -> None:
    first = await checkin.append(to("visit-v1", events=2), origin=outside("id-1"), answer={"due_at": "ten", "n": 1})
    await checkin.append(to("visit-v1", 2))
    for writer in (checkin, other_checkin):
        again = await writer.append(to("visit-v1", 3), origin=outside("id-1"), answer={"due_at": "eleven"})
        assert not again.first
        assert (again.first_position, again.last_position, again.recorded_at) == (1, 2, first.recorded_at)
        assert again.answer == {"due_at": "ten", "n": 1} == first.answer


async def test_a_repeat_of_a_command_without_events_gets_its_answer_too(checkin: Writer) -> None:
    first = await checkin.append(to("visit-v1", events=0), origin=outside("id-1"), answer={"nothing": True})
    again = await checkin.append(to("visit-v1", events=0), origin=outside("id-1"))
    assert (first.first, again.first) == (True, False)
    assert again.answer == {"nothing": True}
    assert again.first_position is None


async def test_a_known_id_with_other_content_is_refused(checkin: Writer) -> None:
    await checkin.append(to("visit-v1"), origin=outside("id-1", b"one"))
    with pytest.raises(OtherContent):
        await checkin.append(to("visit-v1", 1), origin=outside("id-1", b"two"))


async def test_one_id_sent_many_times_at_once_is_appended_once(checkin: Writer, other_checkin: Writer) -> None:
    for number in range(20):
        sent = [
            writer.append(to(f"visit-{number}"), origin=outside(f"id-{number}"), answer={"number": number})
            for writer in (checkin, other_checkin) * 5
        ]
        outcomes = await asyncio.gather(*sent)
        assert sum(outcome.first for outcome in outcomes) == 1
        assert {outcome.last_position for outcome in outcomes} == {number + 1}
        assert all(outcome.answer == {"number": number} for outcome in outcomes)


async def test_of_two_contents_sent_under_one_id_at_once_one_is_refused(checkin: Writer, other_checkin: Writer) -> None:
    for number in range(20):
        results = await settled(
            checkin.append(to(f"visit-{number}"), origin=outside(f"id-{number}", b"one")),
            other_checkin.append(to(f"visit-other-{number}"), origin=outside(f"id-{number}", b"two")),
        )
        assert len(won(results)) == 1
        assert sum(isinstance(result, OtherContent) for result in results) == 1
