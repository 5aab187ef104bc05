"""How a person is rung and what is said then: phones and code words, sealed, read by few, and changed by a PIN."""

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher

from shared.contracts.persons import CodeWordsSet
from shared.contracts.situations import WorkerDuressSignalled
from shared.runtime import pins
from tests.integration.checkin.test_duress import masked
from tests.support.world import ANNA, BEN, World

PHONES = {"mobile": "07700 900123 canary", "home": "+44 (0)117 496 0000"}
WORDS = {"challenge": "How is the canary?", "all_well": "Yellow", "duress": "Blue"}


async def phones(world: World, who: str | None) -> object:
    return (await world.done(who, "GET", f"/workers/{ANNA}")).get("phones", "not shown")


async def test_phones_are_read_by_the_person_and_by_administrators_alone(world: World) -> None:
    assert await phones(world, ANNA) == {"mobile": None, "home": None}
    await world.done(ANNA, "PUT", f"/workers/{ANNA}/phones", PHONES)
    assert await phones(world, ANNA) == await phones(world, None) == PHONES
    assert await phones(world, BEN) == "not shown"
    await world.done(None, "PUT", f"/workers/{ANNA}/phones", {"home": PHONES["home"]})
    assert await phones(world, ANNA) == {"mobile": None, "home": PHONES["home"]}
    assert await world.refused(BEN, "PUT", f"/workers/{ANNA}/phones", PHONES) == (403, "forbidden")


async def test_the_same_phones_or_words_once_more_are_nothing_new(world: World) -> None:
    for path, body in (("phones", PHONES), ("code-words", WORDS)):
        first = await world.done(ANNA, "PUT", f"/workers/{ANNA}/{path}", body)
        again = await world.done(ANNA, "PUT", f"/workers/{ANNA}/{path}", body)
        assert first["position"] is not None
        assert again["position"] is None


async def test_what_cannot_be_rung_is_no_number(world: World) -> None:
    for number in ("", "home", "12", "0" * 61, "07700\n900123", 7700900123):
        assert await world.refused(ANNA, "PUT", f"/workers/{ANNA}/phones", {"mobile": number}) == (422, "invalid")


async def test_code_words_are_shown_to_nobody_here_and_never_alike(world: World) -> None:
    path = f"/workers/{ANNA}/code-words"
    assert not (await world.done(None, "GET", f"/workers/{ANNA}"))["code_words_set"]
    await world.done(ANNA, "PUT", path, WORDS)
    for who, shown in ((ANNA, "not shown"), (BEN, True), (None, True)):
        worker = await world.done(who, "GET", f"/workers/{ANNA}")
        assert worker.get("code_words_set", "not shown") == shown
        assert not [word for word in WORDS.values() if word in str(worker)]
    assert await world.refused(ANNA, "PUT", path, WORDS | {"duress": " yellow "}) == (409, "code_words_alike")
    await world.done(ANNA, "PUT", path, {})
    assert not (await world.done(None, "GET", f"/workers/{ANNA}"))["code_words_set"]


# ---------------------------------------------------------------------------------------------------- a phone in other hands

PIN, DURESS, WRONG = "258025", "852085", "111111"
CHANGES: Mapping[str, Mapping[str, Any]] = {"phones": {"mobile": "0117 496 0999 canary"}, "code-words": {}}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "AFTER_A_WRONG_ONE", 0.0)
    monkeypatch.setattr(pins, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


async def with_pins(world: World) -> None:
    await world.done(None, "DELETE", f"/workers/{ANNA}/pins")
    await world.done(ANNA, "PUT", f"/workers/{ANNA}/pins", {"pin": PIN, "duress_pin": DURESS})


async def duress_word(world: World) -> str | None:
    """Return the word that whoever rings listens for, opened."""
    history = await world.installation.history(f"worker-{ANNA}")
    newest = [one.event for one in history if isinstance(one.event, CodeWordsSet)][-1]
    keyring = world.installation.running["checkin"].keyring
    return None if newest.duress is None else await keyring.open_or(newest.duress)


async def test_whoever_has_pins_shows_the_current_one_to_change_phones_and_words_and_an_administrator_does_not(
    world: World,
) -> None:
    for path, body in (("phones", PHONES), ("code-words", WORDS)):
        await world.done(ANNA, "PUT", f"/workers/{ANNA}/{path}", body)
    await with_pins(world)
    for path, change in CHANGES.items():
        where = f"/workers/{ANNA}/{path}"
        assert await world.refused(ANNA, "PUT", where, change) == (409, "pin_needed")
        assert await world.refused(ANNA, "PUT", where, {**change, "current_pin": WRONG}) == (409, "wrong_pin")
    assert (await phones(world, ANNA), await duress_word(world)) == (PHONES, WORDS["duress"])
    shown: Mapping[str | None, Mapping[str, str]] = {ANNA: {"current_pin": PIN}, None: {}}
    for who, pin in shown.items():
        for path, former in (("phones", PHONES), ("code-words", WORDS)):
            await world.done(None, "PUT", f"/workers/{ANNA}/{path}", former)
            await world.done(who, "PUT", f"/workers/{ANNA}/{path}", {**CHANGES[path], **pin})
        assert await phones(world, ANNA) == {**CHANGES["phones"], "home": None}
        assert await duress_word(world) is None


async def test_the_duress_pin_seems_to_change_them_signals_and_keeps_the_duress_word(world: World) -> None:
    seen = []
    for pin, kept, signals in ((PIN, None, 0), (DURESS, WORDS["duress"], 5)):
        for path, body in (("phones", PHONES), ("code-words", WORDS)):
            await world.done(None, "PUT", f"/workers/{ANNA}/{path}", body)
        await with_pins(world)
        answers: list[httpx2.Response] = []
        for path, change in [*CHANGES.items(), *CHANGES.items(), ("phones", {"mobile": "home"})]:
            body = {**change, "current_pin": pin}
            answers.append(await world.send(ANNA, "PUT", f"/workers/{ANNA}/{path}", body))
            answers.append(await world.send(ANNA, "GET", f"/workers/{ANNA}"))
        assert await duress_word(world) == kept
        types = await world.installation.types(f"worker-{ANNA}")
        assert types.count(WorkerDuressSignalled.type) == signals
        seen.append([masked(answer) for answer in answers])
    assert seen[0] == seen[1]
    assert [status for status, _, _ in seen[0]] == [200] * 8 + [422, 200]


async def test_under_duress_words_are_recorded_where_no_duress_word_stands(world: World) -> None:
    await with_pins(world)
    await world.done(ANNA, "PUT", f"/workers/{ANNA}/code-words", {**WORDS, "current_pin": DURESS})
    assert await duress_word(world) == WORDS["duress"]
    other = {**WORDS, "duress": "Green", "current_pin": DURESS}
    await world.done(ANNA, "PUT", f"/workers/{ANNA}/code-words", other)
    assert await duress_word(world) == WORDS["duress"]


async def test_the_same_change_of_words_with_either_pin_is_one_request_and_its_duress_is_signalled_once(
    world: World,
) -> None:
    await with_pins(world)
    path, key = f"/workers/{ANNA}/code-words", {"Idempotency-Key": "one"}
    first = await world.done(ANNA, "PUT", path, {**WORDS, "current_pin": PIN}, headers=key)
    for _ in range(2):
        assert await world.done(ANNA, "PUT", path, {**WORDS, "current_pin": DURESS}, headers=key) == first
    types = await world.installation.types(f"worker-{ANNA}")
    assert types.count(WorkerDuressSignalled.type) == types.count(CodeWordsSet.type) == 1
