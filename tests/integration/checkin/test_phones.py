"""How a person is rung and what is said then: phones and code words, sealed, and read by few."""

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
    assert not (await world.done(ANNA, "GET", f"/workers/{ANNA}"))["code_words_set"]
    await world.done(ANNA, "PUT", path, WORDS)
    for who in (ANNA, BEN, None):
        worker = await world.done(who, "GET", f"/workers/{ANNA}")
        assert worker["code_words_set"]
        assert not [word for word in WORDS.values() if word in str(worker)]
    assert await world.refused(ANNA, "PUT", path, WORDS | {"duress": " yellow "}) == (409, "code_words_alike")
    await world.done(ANNA, "PUT", path, {})
    assert not (await world.done(ANNA, "GET", f"/workers/{ANNA}"))["code_words_set"]
