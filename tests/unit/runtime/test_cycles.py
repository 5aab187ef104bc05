"""What a process says of its finished cycles, and when it does not trust what it knew before it was stopped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import pytest

from shared.runtime import telemetry, watch
from shared.runtime.telemetry import Cycles
from shared.runtime.watch import ImpairedError, Watch

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool

RING = "Ring the duty desk."


class Stopped(Exception):  # noqa: N818 -- ends a loop that never ends
    pass


class Time:
    """A process's own seconds, which a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses = 0

    def monotonic(self) -> float:
        return self.now


class FakePool:
    """Answers queries with what it is given; None is a log that cannot be reached."""

    def __init__(self, rows: Sequence[dict[str, Any]] | None) -> None:
        self.rows = rows
        self.written: list[tuple[object, ...]] = []

    async def fetch(self, *_: object) -> Sequence[dict[str, Any]]:
        if self.rows is None:
            raise ConnectionResetError
        return self.rows

    async def execute(self, *given: object) -> None:
        self.written.append(given[1:])


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    for module in (telemetry, watch):
        monkeypatch.setattr(module, "monotonic", made.monotonic)
    return made


async def test_cycles_that_finished_together_are_written_in_one_call(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = FakePool([])
    cycles = Cycles(cast("Pool", pool), "2")
    cycles.finish("feed")
    cycles.finish("clock")

    async def turn(_seconds: float) -> None:
        time.pauses += 1
        if time.pauses == 2:
            raise Stopped

    monkeypatch.setattr(telemetry, "pause", turn)
    with pytest.raises(Stopped):
        await cycles.run()
    assert pool.written == [("2", ["feed", "clock"])], "and not a second time where nothing finished since"


async def test_a_process_that_was_stopped_does_not_say_that_it_has_just_looked(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = FakePool([])
    cycles = Cycles(cast("Pool", pool), "1")
    cycles.finish("clock")
    time.now += 15

    async def turn(_seconds: float) -> None:
        raise Stopped

    monkeypatch.setattr(telemetry, "pause", turn)
    with pytest.raises(Stopped):
        await cycles.run()
    assert pool.written == []


def ages(**seconds: float) -> list[dict[str, Any]]:
    """Return finished cycles of checkin as the log has them."""
    return [{"service": "checkin", "loop": loop, "age": age} for loop, age in seconds.items()]


async def known(rows: list[dict[str, Any]] | None) -> Watch:
    """Return a watch that has looked once."""
    made = Watch(cast("Pool", FakePool(rows)), ("checkin",), RING)
    await made.refresh()
    return made


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (ages(feed=10, clock=10), None),
        (ages(feed=10.1, clock=0), ("checkin has not followed the log for 10 s",)),
        (ages(feed=0, clock=61), ("checkin has not looked at its deadlines for 61 s",)),
        (ages(feed=0), ("checkin has never looked at its deadlines",)),
        (None, ("the log cannot be read",)),
    ],
)
async def test_the_watch_is_impaired_where_a_service_of_the_chain_did_not_finish_within_10_s(
    rows: list[dict[str, Any]] | None, why: tuple[str, ...] | None
) -> None:
    impairment = (await known(rows)).impairment
    assert (impairment and impairment.why) == why
    if impairment:
        assert impairment.shown() == {"impaired": True, "why": list(why or ()), "ring": RING}


async def test_a_look_that_is_older_than_5_s_is_not_trusted(time: Time) -> None:
    made = await known(ages(feed=0, clock=0))
    time.now += 5
    made.require()
    time.now += 0.1
    with pytest.raises(ImpairedError):
        made.require()
