"""What a self-check found is said, also where the log was away at that moment: no check finds it a second time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from shared.runtime.log import Unavailable
from shared.runtime.self_checks import Check, Difference, SelfChecks
from shared.runtime.telemetry import Cycles

if TYPE_CHECKING:
    from shared.runtime.postgres import Pool
    from shared.runtime.troubles import Troubles
    from shared.trouble import SelfCheck


class FakeTroubles:
    """Takes what is said, unless the log is away; one place cannot be said at all."""

    service = "checkin"

    def __init__(self) -> None:
        self.away = False
        self.said: list[str] = []

    async def record(self, subject: str, said: SelfCheck, **_: object) -> None:
        if self.away:
            raise Unavailable("away")
        if subject == "nowhere":
            raise KeyError(subject)
        self.said.append(said.place)


def once(*places: str) -> Check:
    """Return a check that finds these once."""
    found = [Difference(place, "this", "that") for place in places]

    async def look() -> Sequence[Difference]:
        now, found[:] = tuple(found), []
        return now

    return Check("sample", look)


def checks(troubles: FakeTroubles, *several: Check) -> tuple[SelfChecks, Cycles]:
    cycles = Cycles(cast("Pool", None), "1")
    return SelfChecks(cast("Troubles", troubles), several, cycles), cycles


async def test_what_could_not_be_said_is_said_at_the_next_look() -> None:
    troubles = FakeTroubles()
    one, cycles = checks(troubles, once("position-1", "position-2"))
    troubles.away = True
    await one.look()
    assert (troubles.said, cycles.ages()) == ([], {})
    troubles.away = False
    await one.look()
    assert troubles.said == ["position-1", "position-2"]
    await one.look()
    assert troubles.said == ["position-1", "position-2"]
    assert "self_checks" in cycles.ages()


async def test_a_difference_that_cannot_be_said_and_a_check_that_fails_keep_no_other_from_being_said() -> None:
    async def fails() -> Sequence[Difference]:
        raise TimeoutError

    troubles = FakeTroubles()
    one, _ = checks(troubles, Check("slow", fails), once("nowhere", "position-2"))
    await one.look()
    assert troubles.said == ["position-2"]
