"""A state is written one way only."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest

from shared.contracts.base import Cites
from shared.contracts.canonical import canonical, digest


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class State:
    at: datetime
    names: frozenset[str]
    waits: tuple[timedelta, ...] = ()


def test_an_instant_is_the_same_in_every_zone() -> None:
    there = timezone(timedelta(hours=5, minutes=45))

    assert canonical(datetime(2026, 11, 23, 5, 45, tzinfo=there)) == canonical(datetime(2026, 11, 23, tzinfo=UTC))


def test_sets_and_mappings_have_one_order() -> None:
    assert canonical(frozenset({"b", "a"})) == b'["a","b"]'
    assert canonical({"b": 1, "a": Colour.RED}) == b'{"a":"red","b":1}'
    assert canonical({(2, "b"): 1, (1, "z"): 2}) == b'{"pairs":[[[1,"z"],2],[[2,"b"],1]]}'


def test_records_and_contracts_are_written_by_their_members() -> None:
    state = State(datetime(2026, 11, 23, tzinfo=UTC), frozenset({"x"}), (timedelta(seconds=1),))

    assert canonical(state) == (
        b'{"at":"2026-11-23T00:00:00.000000Z","names":["x"],"waits":[{"microseconds":1000000}]}'
    )
    assert canonical(Cites(clauses=("S3 6.2",))) == b'{"clauses":["S3 6.2"],"ours":false,"requirements":[]}'
    assert canonical(b"\x00\xff") == b'{"bytes":"00ff"}'


def test_what_cannot_be_written_one_way_is_refused() -> None:
    with pytest.raises(TypeError, match="a object cannot"):
        canonical(object())


def test_the_digest_does_not_depend_on_the_seed_of_hashes() -> None:
    program = "from shared.contracts.canonical import digest; print(digest(frozenset(map(str, range(99)))))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for seed in ("0", "1")
    }

    assert found == {digest(frozenset(map(str, range(99))))}
