"""Whatever is wrong with a request, duress is signalled and no hash of it has a PIN in it."""

import json
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import httpx2
import orjson
import pytest
from argon2 import PasswordHasher

from services.checkin.api.pinned import pin_shown, without_pins
from shared.runtime import pins
from tests.integration.checkin.test_duress import masked, signalled
from tests.support.services import bearer
from tests.support.world import ANNA, World

PIN, DURESS = "258025", "852085"
OWN = f"/workers/{ANNA}"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "AFTER_A_WRONG_ONE", 0.0)
    monkeypatch.setattr(pins, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


async def with_pins(world: World) -> None:
    await world.done(None, "DELETE", f"{OWN}/pins")
    await world.done(ANNA, "PUT", f"{OWN}/pins", {"pin": PIN, "duress_pin": DURESS})


async def sent(world: World, method: str, path: str, body: bytes, **headers: str) -> httpx2.Response:
    headers = {**bearer(world.tokens[ANNA]), "content-type": "application/json", **headers}
    return await world.checkin.request(method, f"/checkin{path}", content=body, headers=headers)


REFUSED: Mapping[str, bytes] = {
    "half of a character": b'{"pin": "852085", "reason": "\\ud83d"}',
    "no number": b'{"pin": "852085", "occurred_at": NaN}',
    "no text": b'{"pin": "852085", "reason": "\xff"}',
    "two bytes a character": '{"pin": "852085", "battery": 3}'.encode("utf-16"),
    "a mark at the front": b'\xef\xbb\xbf{"pin": "852085", "battery": 3}',
    "a long number": b'{"pin": "852085", "battery": ' + b"9" * 5000 + b"}",
    "a number longer than a machine's": b'{"pin": "852085", "battery": ' + b"9" * 30 + b"}",
    "nested deep": b'{"pin": "852085", "battery": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested": b'{"pin": "852085", "battery": ' + b"[" * 300 + b"]" * 300 + b"}",
    "cut off": b'{"pin": "852085", "reason": "un',
    "a comma too many": b'{"pin": "852085",}',
    "single quotes": b"{'pin': '852085'}",
    "a number": b'{"pin": 852085}',
    "a list": b'[{"pin": "852085"}]',
    "a form": b"reason=completed&pin=852085",
    "the PIN elsewhere, too": b'{"pin": "852085", "current_pin": "852085", "PIN": "852085"}',
}
"""Bodies that are no check-in and no end, with the duress PIN."""


async def test_a_body_that_is_refused_signals_duress_whatever_is_wrong_with_it(world: World) -> None:
    await with_pins(world)
    visit_id = await world.started()
    for name, body in REFUSED.items():
        before = len(await signalled(world))
        answers = [
            await sent(world, "POST", f"/visits/{visit_id}/end", body.replace(DURESS.encode(), pin.encode()))
            for pin in (PIN, DURESS)
        ]
        if "two bytes" in name:
            ordinary = body.decode("utf-16").replace(DURESS, PIN).encode("utf-16")
            answers[0] = await sent(world, "POST", f"/visits/{visit_id}/end", ordinary)
            before += 1  # the first of the two above was the same body
        assert masked(answers[0]) == masked(answers[1]), name
        assert answers[1].status_code in {400, 422}, name
        assert len(await signalled(world)) == before + 1, name
    assert (await world.visit(visit_id))["status"] == "started"


async def test_a_body_of_another_kind_signals_duress_where_a_pin_changes_something_too(world: World) -> None:
    await with_pins(world)
    for (method, path), more in product(
        (("PUT", "phones"), ("PUT", "code-words"), ("PUT", "pins"), ("DELETE", "pins")),
        (b', "battery": NaN}', b', "pin": "1"}', b', "challenge": "\\ud83d", "mobile": 1}'),
    ):
        seen = []
        for pin, times in ((PIN, 0), (DURESS, 1)):
            before = len(await signalled(world))
            body = b'{"current_pin": "' + pin.encode() + b'"' + more
            seen.append(masked(await sent(world, method, f"{OWN}/{path}", body)))
            assert len(await signalled(world)) - before == times, (path, more)
        assert seen[0] == seen[1]
        assert seen[0][0] in {400, 422}


# -------------------------------------------------------------------------------------------------------- hashes of requests


async def digests(world: World) -> set[bytes]:
    rows = await world.installation.admin.fetch("SELECT digest FROM log.command WHERE digest IS NOT NULL")
    return {bytes(row["digest"]) for row in rows}


async def guesses(world: World, method: str, path: str, bodies: Iterable[bytes]) -> set[bytes]:
    """Return the digests that whoever has the key of digests could compare with."""
    keyring = world.installation.running["checkin"].keyring
    where = f"{method} /checkin{path}?".encode() + b"\n"
    return {await keyring.keyed_hash("digest", where + body) for body in bodies}


def written(body: Mapping[str, Any]) -> list[bytes]:
    """Return a body in every way in which it might be hashed: as it comes, or put in order."""
    return [
        *(
            json.dumps(body, separators=by).encode(kind)
            for by in ((",", ":"), (", ", ": "))
            for kind in ("utf-8", "utf-16")
        ),
        orjson.dumps(body, option=orjson.OPT_SORT_KEYS),
    ]


async def test_no_digest_in_the_log_has_a_pin_in_it_whatever_changed_and_whatever_was_signalled(world: World) -> None:
    visit_id, tried = await world.started(), []
    new = {"pin": PIN, "duress_pin": DURESS}
    for pin in (PIN, DURESS):
        for method, path, body in (
            ("PUT", f"{OWN}/phones", {"mobile": "07700 900123", "current_pin": pin}),
            ("PUT", f"{OWN}/code-words", {"duress": "Blue", "current_pin": pin}),
            ("PUT", f"{OWN}/pins", {**new, "current_pin": pin}),
            ("DELETE", f"{OWN}/pins", {"current_pin": pin}),
            ("POST", f"/visits/{visit_id}/check-ins", {"pin": pin}),
            ("POST", f"/visits/{visit_id}/check-ins", {"pin": pin, "battery": 3}),
        ):
            await with_pins(world)
            for form in written(body):
                await sent(world, method, path, form)
            tried.append((method, path, body))
    kept = await digests(world)
    assert len(kept) > len(tried)
    for method, path, body in tried:
        assert not kept & await guesses(world, method, path, written(body)), (method, path)


async def test_a_check_in_in_another_encoding_is_taken_and_is_the_same_request_with_either_pin(world: World) -> None:
    await with_pins(world)
    visit_id, answers = await world.started(), []
    for pin in (PIN, DURESS):
        body = json.dumps({"pin": pin, "occurred_at": None}).encode("utf-16")
        answers.append(await sent(world, "POST", f"/visits/{visit_id}/check-ins", body, **{"Idempotency-Key": "one"}))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].text == answers[1].text
    assert len(await signalled(world)) == 1


def test_of_two_pins_in_one_body_the_last_counts_as_it_does_for_the_framework() -> None:
    assert pin_shown(b'{"pin": "1111", "pin": "2222"}', "pin") == "2222"
    assert pin_shown(b'{"pin": "1111", "pin": "2222"', "pin") == "2222"
    assert pin_shown(b'{"spin": "1111", "pin_code": "2222"}', "pin") is None
    assert pin_shown(b"", "pin") is None


def test_what_counts_of_a_body_is_everything_but_its_pins() -> None:
    body = b'{"pin": "1111", "duress_pin": "2222", "current_pin": "3333", "reason": "unsafe"}'
    assert without_pins(body) == b'{"reason":"unsafe"}'
    for unread in (b"", b"[", b'["1111"]', b'"1111"', b'{"a": "\\ud83d"}', b'{"a": 1' + b"0" * 40 + b"}"):
        assert without_pins(unread) == b""
