"""How long a record may hold up its shard: a few tries, fewer where others waited already, and none for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import asyncpg
import pytest

from shared.contracts.envelope import Newer, release_of
from shared.runtime import consumers, tries
from shared.runtime.consumers import Follower, LeftToNewer
from shared.runtime.log import Unavailable, WrongExpectedVersion
from shared.runtime.reading import Unreadable
from tests.unit.runtime.test_cycles import Time

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.runtime.postgres import Pool
    from shared.runtime.troubles import Troubles

KEY = ("escalation", "lonewatch.visits.v1", 5)
OTHER = ("escalation", "lonewatch.visits.v1", 6)


class FakePool:
    """A database that answers, unless it is away."""

    def __init__(self) -> None:
        self.away: Exception | None = None

    async def fetchval(self, *_: object) -> int:
        if self.away is not None:
            raise self.away
        return 1


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(tries, "monotonic", made.monotonic)
    return made


def follower(*pools: FakePool) -> Follower:
    """Return what the consumers of a process share, by these databases."""
    first, *others = (cast("Pool", pool) for pool in pools)
    return Follower(first, cast("Troubles", None), others=others)


async def failures(one: Follower, error: Exception, position: int = 1, most: int = 20) -> int | None:
    """Fail at one record until it is parked; return at which failure that was, or None."""
    for number in range(1, most + 1):
        try:
            found = await one.judged(KEY, position, error)
        except type(error):
            continue
        assert isinstance(found, Unreadable)
        return number
    return None


@pytest.mark.parametrize(
    ("error", "parked_at"),
    [
        (KeyError("x"), 3),
        (FileNotFoundError("template"), 5),
        (TimeoutError(), 5),
        (asyncpg.InterfaceError("another operation is in progress"), 5),
        (Unavailable("x"), None),
        (WrongExpectedVersion("visit-v1"), None),
    ],
)
async def test_a_record_is_parked_once_its_handler_has_failed_often_enough(
    time: Time, error: Exception, parked_at: int | None
) -> None:
    assert time.now
    assert await failures(follower(FakePool(), FakePool()), error) == parked_at


@pytest.mark.parametrize("away", [ConnectionRefusedError(), TimeoutError(), asyncpg.InvalidPasswordError("x")])
async def test_while_any_database_is_away_nothing_is_a_record_s_fault(time: Time, away: Exception) -> None:
    log, keys = FakePool(), FakePool()
    one = follower(log, keys)
    keys.away = away
    assert await failures(one, ConnectionResetError()) is None
    keys.away = None
    assert await failures(one, ConnectionResetError()) == 5
    assert time.now


async def test_what_fails_right_behind_a_parked_record_of_its_shard_is_parked_at_once(time: Time) -> None:
    one = follower(FakePool())
    assert await failures(one, KeyError("x"), 1) == 3
    assert await failures(one, KeyError("x"), 2) == 1
    time.now += 4.9
    assert await failures(one, KeyError("x"), 3) == 1
    time.now += 5
    assert await failures(one, KeyError("x"), 4) == 3
    with pytest.raises(KeyError):
        await one.judged(OTHER, 5, KeyError("x"))


def test_records_of_a_later_release_wait_for_one_newer_replica_and_not_one_after_another(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: object) -> Any:
        raise Newer

    monkeypatch.setattr(consumers, "read", read)
    one = follower(FakePool())

    def look(position: int, key: tuple[str, str, int] = KEY) -> object:
        try:
            found = one.readable(key, cast("Record", {"position": position}))
        except LeftToNewer:
            return "left"
        assert isinstance(found, Unreadable)
        return found.reason

    assert look(1) == "left"
    time.now += 5
    assert [look(1), look(2), look(3, OTHER)] == ["newer_release"] * 3
    time.now += 60
    assert look(4) == "left"


@pytest.mark.parametrize("text", ["9" * 5000, "1.", "²", "٣.1", "", "1.2.3.4.5", "latest"])
def test_what_is_no_release_is_before_every_other_whatever_it_is(text: str) -> None:
    assert release_of(text) < release_of("0.0.1") < release_of("0.1.0") < release_of("0.10")
