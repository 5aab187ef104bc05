"""PINs: set and removed, wanted, in nothing that is kept; and guessing, which is slowed and locks nobody."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest
from argon2 import PasswordHasher

from shared.contracts.persons import Judged
from shared.contracts.situations import WorkerDuressSignalled
from shared.runtime import pins
from shared.runtime.clock import monotonic
from shared.runtime.log import Unavailable
from shared.runtime.pins import AT_ONCE, MOST_WAITING, Pins
from tests.support.waiting import until
from tests.support.world import ANNA, BEN, World

PIN, DURESS, WRONG = "258025", "852085", "111111"
PATH = f"/workers/{ANNA}/pins"
TWO = {"pin": PIN, "duress_pin": DURESS}
OTHERS = {"pin": "1357", "duress_pin": "7531"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "AFTER_A_WRONG_ONE", 0.0)
    monkeypatch.setattr(pins, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


async def checks_in(world: World, visit_id: str, pin: str | None = None) -> int:
    body = {} if pin is None else {"pin": pin}
    return (await world.send(ANNA, "POST", f"/visits/{visit_id}/check-ins", body)).status_code


async def test_whoever_has_pins_checks_in_with_one_and_whoever_has_none_without(world: World) -> None:
    visit_id = await world.started()
    assert await checks_in(world, visit_id) == 200
    assert await checks_in(world, visit_id, "whatever") == 200, "who has none is asked for none"
    assert not (await world.done(ANNA, "GET", f"/workers/{ANNA}"))["pins_set"]
    await world.done(ANNA, "PUT", PATH, TWO)
    assert (await world.done(ANNA, "GET", f"/workers/{ANNA}"))["pins_set"]
    answers = [await checks_in(world, visit_id, pin) for pin in (None, WRONG, "", " ", PIN, DURESS, f" {PIN} ")]
    assert answers == [409, 409, 409, 409, 200, 200, 200]


async def test_pins_are_two_that_differ_of_4_to_12_digits(world: World) -> None:
    alike = {"pin": PIN, "duress_pin": PIN}
    assert await world.refused(ANNA, "PUT", PATH, alike) == (409, "pins_alike")
    for pin in ("123", "1" * 13, "12a4", "12 34", "١٢٣٤", "", None, 2580):
        assert await world.refused(ANNA, "PUT", PATH, {"pin": pin, "duress_pin": DURESS}) == (422, "invalid")
        assert await world.refused(ANNA, "PUT", PATH, {"pin": PIN, "duress_pin": pin}) == (422, "invalid")
    assert not (await world.done(ANNA, "GET", f"/workers/{ANNA}"))["pins_set"]


async def test_only_the_person_sets_pins_and_shows_the_current_one_to_change_or_remove_them(world: World) -> None:
    await world.done(ANNA, "PUT", PATH, TWO)
    assert await world.refused(None, "PUT", PATH, OTHERS) == (403, "forbidden")
    assert await world.refused(BEN, "DELETE", PATH) == (403, "forbidden")
    for method, body in (("PUT", OTHERS), ("DELETE", {})):
        assert await world.refused(ANNA, method, PATH, body) == (409, "pin_needed")
        assert await world.refused(ANNA, method, PATH, body | {"current_pin": WRONG}) == (409, "wrong_pin")
    await world.done(ANNA, "PUT", PATH, OTHERS | {"current_pin": PIN})
    visit_id = await world.started()
    assert [await checks_in(world, visit_id, pin) for pin in (PIN, DURESS, "1357")] == [409, 409, 200]
    await world.done(ANNA, "DELETE", PATH, {"current_pin": "1357"})
    assert await checks_in(world, visit_id) == 200


async def test_an_administrator_removes_pins_that_were_forgotten_and_then_the_person_sets_others(world: World) -> None:
    await world.done(ANNA, "PUT", PATH, TWO)
    for _ in range(2):
        await world.done(None, "DELETE", PATH)
    await world.done(ANNA, "PUT", PATH, OTHERS)
    types = await world.installation.types(f"worker-{ANNA}")
    assert types[-3:] == ["worker.pins_set.v1", "worker.pins_removed.v1", "worker.pins_set.v1"]


async def test_the_duress_pin_as_the_current_one_is_answered_as_the_other_and_signals_duress(world: World) -> None:
    answers, duress = [], []
    for current in (PIN, DURESS):
        await world.done(None, "DELETE", PATH)
        await world.done(ANNA, "PUT", PATH, TWO)
        changed = await world.send(ANNA, "PUT", PATH, TWO | {"current_pin": current})
        refused = await world.send(ANNA, "PUT", PATH, {"pin": PIN, "duress_pin": PIN, "current_pin": current})
        removed = await world.send(ANNA, "DELETE", PATH, {"current_pin": current})
        answers.append([(one.status_code, sorted(one.json())) for one in (changed, refused, removed)])
        duress.append((await world.installation.types()).count(WorkerDuressSignalled.type))
    assert answers[0] == answers[1]
    assert [status for status, _ in answers[0]] == [200, 409, 200]
    assert duress == [0, 3]


async def everything(world: World) -> str:
    """Return every row of both databases as text."""
    texts = []
    for dsn in (world.installation.database.admin, world.installation.database.keys_admin):
        connection = await asyncpg.connect(dsn, ssl=False)
        try:
            for table in await connection.fetch(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname !~ '^(pg_|information)'"
            ):
                rows = await connection.fetch(f"SELECT t::text FROM {table[0]} t")  # noqa: S608 -- names out of the catalogue
                texts += [row[0] for row in rows]
            texts += [row[0].decode() for row in await connection.fetch(RECORDS)] if "_keys" not in dsn else []
        finally:
            await connection.close()
    return "\n".join(texts).lower()


RECORDS = "SELECT record FROM log.event"


async def test_neither_a_pin_nor_a_hash_of_one_is_in_the_log_and_no_pin_is_in_the_clear_anywhere(world: World) -> None:
    await world.done(ANNA, "PUT", PATH, TWO)
    visit_id = await world.started()
    for pin in (PIN, DURESS):
        assert await checks_in(world, visit_id, pin) == 200
    admin, keyring = world.installation.admin, world.installation.running["checkin"].keyring
    kept = [await keyring.keyed_hash(secret, f"{ANNA}\n{pin}".encode()) for secret in ("pin",) for pin in (PIN, DURESS)]
    found = await everything(world)
    for text in (PIN, DURESS, PIN.encode().hex(), *(one.hex() for one in kept)):
        assert text not in found
    records = b"\n".join(row["record"] for row in await admin.fetch(RECORDS))
    assert b"argon2" not in records


async def test_no_digest_of_a_request_tells_which_pin_it_came_with(world: World) -> None:
    await world.done(ANNA, "PUT", PATH, TWO)
    visit_id = await world.started()
    digests = []
    for key, pin in (("a", PIN), ("b", DURESS)):
        path, body = f"/visits/{visit_id}/check-ins", {"pin": pin}
        await world.done(ANNA, "POST", path, body, headers={"Idempotency-Key": key})
        row = await world.installation.admin.fetchval("SELECT digest FROM log.command WHERE id = $1", key)
        digests.append(bytes(row))
    assert digests[0] == digests[1]


# ------------------------------------------------------------------------------------------------------------- guessing


class Judging:
    """The PINs of a running checkin, asked directly."""

    def __init__(self, world: World) -> None:
        self.application = world.installation.apps["checkin"].state.application
        self.pins: Pins = self.application.authority.pins

    async def judge(self, pin: str, worker_id: str = ANNA) -> Judged:
        judged: Judged = await self.application.judged(worker_id, pin)
        return judged

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Let nothing be judged meanwhile."""
        for _ in range(AT_ONCE):
            await self.pins._lane.acquire()  # noqa: SLF001 -- as many others are at it
        yield
        for _ in range(AT_ONCE):
            self.pins._lane.release()  # noqa: SLF001 -- they are done

    async def wait(self, number: int) -> None:
        """Wait until so many of Anna's wait behind the first."""

        async def so_many() -> bool:
            return len(self.pins._waiting.get(ANNA, ())) == number  # noqa: SLF001 -- nothing else shows it

        await until(so_many)


async def test_a_right_pin_counts_however_many_wrong_ones_came_before(world: World) -> None:
    await world.done(ANNA, "PUT", PATH, TWO)
    visit_id = await world.started()
    assert [await checks_in(world, visit_id, WRONG) for _ in range(12)] == [409] * 12
    assert await checks_in(world, visit_id, PIN) == 200


async def test_after_a_wrong_pin_the_next_of_the_same_person_waits_and_nobody_else_s(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "AFTER_A_WRONG_ONE", 0.5)
    for who in (ANNA, BEN):
        await world.done(who, "PUT", f"/workers/{who}/pins", TWO)
    judging, began = Judging(world), monotonic()
    assert await judging.judge(WRONG) == "wrong"
    wrong_after = monotonic() - began
    assert await judging.judge(PIN, BEN) == "right"
    assert monotonic() - began < wrong_after + 0.5, (
        "the wrong one is told at once, and another person waits for nothing"
    )
    assert await judging.judge(DURESS) == "duress"
    assert monotonic() - began >= 0.5


async def test_the_newest_pin_of_a_person_is_judged_before_all_that_wait(world: World) -> None:
    await world.done(ANNA, "PUT", PATH, TWO)
    judging, order = Judging(world), []

    async def one(pin: str) -> None:
        order.append((pin, await judging.judge(pin)))

    async with judging.held():
        guesses = [asyncio.ensure_future(one(f"{number:04}")) for number in range(8)]
        await judging.wait(7)
        right = asyncio.ensure_future(one(PIN))
        await judging.wait(8)
    await asyncio.gather(right, *guesses)
    assert order[1] == (PIN, "right"), "it waits for the one that is being judged, and for no other"
    assert len(order) == 9


async def sent_back(guesses: Sequence[asyncio.Future[Judged]], number: int) -> None:
    """Wait until so many are answered while nothing is judged."""

    async def so_many() -> bool:
        return sum(guess.done() for guess in guesses) == number

    await until(so_many)


async def test_of_too_many_that_wait_the_oldest_are_sent_back_and_the_newest_is_judged(world: World) -> None:
    await world.done(ANNA, "PUT", PATH, TWO)
    judging = Judging(world)
    async with judging.held():
        guesses = [asyncio.ensure_future(judging.judge(f"{number:04}")) for number in range(MOST_WAITING + 5)]
        await sent_back(guesses, 4)
        right = asyncio.ensure_future(judging.judge(PIN))
        await sent_back(guesses, 5)
    judged = await asyncio.gather(*guesses, return_exceptions=True)
    assert await right == "right"
    assert [one for one in judged if one != "wrong" and not isinstance(one, Unavailable)] == []
    assert sum(isinstance(one, Unavailable) for one in judged) == 5


async def test_whoever_hangs_up_while_waiting_leaves_the_turn_to_the_others(world: World) -> None:
    await world.done(ANNA, "PUT", PATH, TWO)
    judging = Judging(world)
    async with judging.held():
        guesses = [asyncio.ensure_future(judging.judge(WRONG)) for _ in range(4)]
        await judging.wait(3)
        for guess in guesses:
            guess.cancel()
        await asyncio.gather(*guesses, return_exceptions=True)
    assert await judging.judge(PIN) == "right"
    assert await judging.judge(DURESS) == "duress"


async def test_pins_are_judged_while_every_lane_of_passwords_is_full(world: World) -> None:
    await world.done(ANNA, "PUT", PATH, TWO)
    judging = Judging(world)
    lanes = judging.application.authority.passwords._lanes.values()  # noqa: SLF001 -- a flood of sign-ins
    for lane in lanes:
        await lane.acquire()
    assert await asyncio.wait_for(judging.judge(DURESS), 10) == "duress"
    for lane in lanes:
        lane.release()
