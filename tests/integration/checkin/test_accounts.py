"""People who sign in: passwords, sessions, the lock, and calls for help that none of it keeps out."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from argon2 import PasswordHasher

from services.checkin.api import accounts
from services.checkin.domain import MOST_WRONG
from shared.runtime import identity
from shared.runtime.asking import COOKIE
from shared.runtime.identity import Authority
from shared.runtime.log import Loaded, load
from tests.support.services import bearer
from tests.support.world import ANNA, BEN, CARA, World

LOGIN, PASSWORD = "Anna@Home.example", "correct horse battery"
OTHER = "another staple altogether"
CREDENTIALS = {"login": LOGIN, "password": PASSWORD}
WRONG = {"login": LOGIN, "password": "not the password"}
OURS = {"Sec-Fetch-Site": "same-origin"}
STREAM = f"worker-{ANNA}"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "STEP", 0.001)


async def with_password(world: World) -> World:
    await world.done(None, "PUT", f"/workers/{ANNA}/password", CREDENTIALS)
    return world


def browser(world: World, secret: str | None = None) -> httpx2.AsyncClient:
    """Return somebody who shows no token, only the cookie if there is one."""
    transport = httpx2.ASGITransport(app=world.installation.apps["checkin"])
    cookies = {COOKIE: secret} if secret else None
    return httpx2.AsyncClient(transport=transport, base_url="http://lonewatch.test/checkin", cookies=cookies)


async def signed_in(world: World) -> str:
    async with browser(world) as client:
        answer = await client.post("/sessions", json=CREDENTIALS)
    assert answer.status_code == 201, answer.text
    return answer.cookies[COOKIE]


async def status(world: World, secret: str, path: str = f"/workers/{ANNA}", method: str = "GET", **more: Any) -> int:
    """Ask by a cookie, where nobody has kept what it stood for."""
    world.installation.running["checkin"].authority.sessions._known.clear()  # noqa: SLF001 -- ten seconds later
    async with browser(world, secret) as client:
        answer = await client.request(method, path, **more)
    return answer.status_code


async def sign_in(world: World, credentials: dict[str, str], **headers: str) -> httpx2.Response:
    async with browser(world) as client:
        return await client.post("/sessions", json=credentials, headers=headers)


async def on_keys(world: World, statement: str) -> None:
    keys = await asyncpg.connect(world.installation.database.keys_admin, ssl=False)
    try:
        await keys.execute(statement)
    finally:
        await keys.close()


async def test_whoever_signs_in_is_known_by_the_cookie_until_they_sign_out(world: World) -> None:
    await with_password(world)
    answer = await sign_in(world, {"login": LOGIN.lower(), "password": PASSWORD})
    assert (answer.status_code, answer.json()["worker_id"]) == (201, ANNA)
    cookie = answer.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/"))
    assert "secure" not in cookie, "the address of the tests is http"
    secret = answer.cookies[COOKIE]
    assert await status(world, secret) == 200
    assert await status(world, secret, "/sessions/current", "DELETE", headers=OURS) == 200
    assert await status(world, secret) == 401
    assert await status(world, secret, f"/workers/{ANNA}/help", "POST", headers=OURS) == 401, "ended for everything"
    types = await world.installation.types(STREAM)
    assert types[-3:] == ["worker.password_set.v1", "worker.signed_in.v1", "worker.signed_out.v1"]


async def test_neither_login_nor_password_nor_session_stands_in_the_clear_anywhere(world: World) -> None:
    await with_password(world)
    secret = await signed_in(world)
    found = []
    for dsn in (world.installation.database.admin, world.installation.database.keys_admin):
        connection = await asyncpg.connect(dsn, ssl=False)
        try:
            for table in await connection.fetch(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname !~ '^(pg_|information)'"
            ):
                rows = await connection.fetch(f"SELECT t::text FROM {table[0]} t")  # noqa: S608 -- names out of the catalogue
                text = " ".join(row[0] for row in rows).lower()
                found += [table[0] for canary in (LOGIN, PASSWORD, secret) if canary.lower() in text]
                found += [table[0] for canary in (LOGIN, PASSWORD, secret) if canary.lower().encode().hex() in text]
        finally:
            await connection.close()
    assert found == []


async def test_a_wrong_password_and_a_login_that_nobody_has_are_refused_in_the_same_words(world: World) -> None:
    await with_password(world)
    one, other = await sign_in(world, WRONG), await sign_in(world, {"login": "nobody", "password": PASSWORD})
    assert one.status_code == other.status_code == 401
    assert one.json() == other.json()
    assert one.json()["code"] == "wrong_login_or_password"
    assert one.json()["ring"]


async def locked(world: World) -> World:
    await with_password(world)
    for _ in range(MOST_WRONG):
        assert (await sign_in(world, WRONG)).status_code == 401
    return world


async def test_too_many_wrong_passwords_lock_signing_in_whether_or_not_the_next_one_is_right(world: World) -> None:
    await with_password(world)
    secret = await signed_in(world)
    for _ in range(MOST_WRONG):
        assert (await sign_in(world, WRONG)).status_code == 401
    for credentials in (WRONG, CREDENTIALS):
        answer = await sign_in(world, credentials)
        assert (answer.status_code, answer.json()["code"]) == (429, "sign_in_locked")
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert answer.json()["ring"]
    assert await status(world, secret) == 200, "a session that is there goes on"
    await world.done(ANNA, "GET", f"/workers/{ANNA}")


async def test_a_lock_ends_by_itself(world: World) -> None:
    await locked(world)
    await world.installation.clock.forward(timedelta(seconds=61))
    assert (await sign_in(world, CREDENTIALS)).status_code == 201


async def calls_taken(world: World) -> int:
    return (await world.installation.types(STREAM)).count("worker.help_requested.v1")


@pytest.mark.parametrize("path", [f"/workers/{ANNA}/help", "/visits/unheard/help"])
async def test_no_lock_keeps_a_call_for_help_out_by_token_or_by_session(world: World, path: str) -> None:
    await with_password(world)
    secret = await signed_in(world)
    for _ in range(MOST_WRONG):
        await sign_in(world, WRONG)
    await world.done(ANNA, "POST", path)
    assert await status(world, secret, path, "POST") == 200, "a browser that says nothing of where it came from, too"
    assert await calls_taken(world) == 2


async def test_a_session_that_has_expired_takes_a_call_for_help_and_nothing_else(world: World) -> None:
    await with_password(world)
    secret = await signed_in(world)
    await on_keys(world, "UPDATE session SET expires_at = clock_timestamp() - interval '1 day'")
    assert await status(world, secret) == 401
    assert await status(world, secret, f"/workers/{ANNA}/help", "POST") == 200
    assert await calls_taken(world) == 1
    assert await status(world, secret) == 401, "calling makes it no younger"
    await world.done(None, "DELETE", f"/workers/{ANNA}/sessions")
    assert await status(world, secret, f"/workers/{ANNA}/help", "POST") == 401


async def test_a_session_in_use_lasts_on(world: World) -> None:
    await with_password(world)
    secret = await signed_in(world)
    await on_keys(world, "UPDATE session SET expires_at = clock_timestamp() + interval '1 minute'")
    assert await status(world, secret) == 200
    await on_keys(world, "UPDATE session SET expires_at = expires_at - interval '11 hours'")
    assert await status(world, secret) == 200


async def by_password(world: World, credentials: object, **more: str) -> httpx2.Response:
    async with browser(world) as client:
        return await client.post("/help-by-password", json=credentials, headers=more)


async def test_a_call_by_password_is_taken_even_while_signing_in_is_locked(world: World) -> None:
    await locked(world)
    answer = await by_password(world, {**CREDENTIALS, "note": "he is shouting"})
    assert answer.status_code == 202
    assert await calls_taken(world) == 1


async def test_a_call_by_password_says_the_same_whether_or_not_it_was_right(world: World) -> None:
    await with_password(world)
    sent: tuple[object, ...] = (
        CREDENTIALS,
        WRONG,
        {"login": "nobody", "password": PASSWORD},
        {},
        None,
        [1],
        {"login": 1, "password": {}},
    )
    answers = [await by_password(world, body) for body in sent]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers)) for answer in answers}) == 1
    assert await calls_taken(world) == 1


async def test_the_same_call_by_password_sent_again_is_one_call(world: World) -> None:
    await with_password(world)
    for _ in range(2):
        await by_password(world, CREDENTIALS, **{"Idempotency-Key": "call-1"})
    assert await calls_taken(world) == 1
    await by_password(world, CREDENTIALS, **{"Idempotency-Key": "call-2"})
    assert await calls_taken(world) == 2


async def test_wrong_passwords_of_calls_count_towards_the_lock(world: World) -> None:
    await with_password(world)
    for _ in range(MOST_WRONG):
        await by_password(world, WRONG)
    assert (await sign_in(world, CREDENTIALS)).status_code == 429


async def test_a_person_changes_their_password_with_the_current_one_and_their_sessions_end(world: World) -> None:
    await with_password(world)
    secret = await signed_in(world)
    path, changed = f"/workers/{ANNA}/password", {"login": LOGIN, "password": OTHER}
    assert await world.refused(ANNA, "PUT", path, changed) == (409, "current_password_wrong")
    wrong = changed | {"current_password": "not the password"}
    assert await world.refused(ANNA, "PUT", path, wrong) == (409, "current_password_wrong")
    assert await status(world, secret) == 200
    await world.done(ANNA, "PUT", path, changed | {"current_password": PASSWORD})
    assert await status(world, secret) == 401
    assert (await sign_in(world, CREDENTIALS)).status_code == 401
    assert (await sign_in(world, changed)).status_code == 201


async def test_a_stolen_token_cannot_be_used_to_guess_the_current_password(world: World) -> None:
    await with_password(world)
    path = f"/workers/{ANNA}/password"
    guess = {"login": LOGIN, "password": OTHER, "current_password": "not the password"}
    for _ in range(MOST_WRONG):
        assert await world.refused(ANNA, "PUT", path, guess) == (409, "current_password_wrong")
    right = guess | {"current_password": PASSWORD}
    assert await world.refused(ANNA, "PUT", path, right) == (429, "sign_in_locked")


async def test_a_removed_password_opens_nothing_and_ends_the_sessions(world: World) -> None:
    await with_password(world)
    secret = await signed_in(world)
    await world.done(ANNA, "DELETE", f"/workers/{ANNA}/password")
    assert await status(world, secret) == 401
    assert (await sign_in(world, CREDENTIALS)).status_code == 401
    await by_password(world, CREDENTIALS)
    assert await calls_taken(world) == 0
    await world.done(ANNA, "GET", f"/workers/{ANNA}")


async def test_an_ended_session_is_refused_by_the_process_that_ended_it_at_once(world: World) -> None:
    await with_password(world)
    secret = await signed_in(world)
    async with browser(world, secret) as client:
        assert (await client.get(f"/workers/{ANNA}")).status_code == 200
        await world.done(None, "DELETE", f"/workers/{ANNA}/sessions")
        assert (await client.get(f"/workers/{ANNA}")).status_code == 401
    assert (await world.installation.types(STREAM))[-1] == "worker.signed_out.v1"


async def test_a_session_that_begins_while_the_password_is_changed_opens_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_password(world)
    authority: Authority = world.installation.running["checkin"].authority
    begin = authority.sessions.begin

    async def late(*given: Any) -> object:
        await world.done(None, "PUT", f"/workers/{ANNA}/password", {"login": LOGIN, "password": OTHER})
        return await begin(*given)

    monkeypatch.setattr(authority.sessions, "begin", late)
    assert (await sign_in(world, CREDENTIALS)).status_code == 401


async def test_another_site_changes_nothing_by_a_cookie_and_a_token_is_asked_nothing(world: World) -> None:
    await with_password(world)
    secret = await signed_in(world)
    path, method = f"/workers/{ANNA}/sessions", "DELETE"
    ours = world.installation.running["checkin"].settings.public_url
    for headers in (
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://x.example"},
    ):
        assert await status(world, secret, path, method, headers=headers) == 403
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://x.example"}):
        assert (await sign_in(world, CREDENTIALS, **headers)).status_code == 403, "nobody is signed in unawares"
    assert (await sign_in(world, CREDENTIALS, Origin=ours)).status_code == 201
    assert await status(world, secret, headers={"Sec-Fetch-Site": "cross-site"}) == 200, "reading changes nothing"
    assert await status(world, secret, path, method, headers={"Origin": ours}) == 200
    token = bearer(world.tokens[ANNA])
    assert await status(world, secret, path, method, headers=token | {"Sec-Fetch-Site": "cross-site"}) == 200


async def test_a_token_wins_over_a_cookie(world: World) -> None:
    await with_password(world)
    secret = await signed_in(world)
    assert await status(world, secret, headers=bearer("made-up")) == 401
    assert await status(world, secret, headers=bearer(world.tokens[CARA])) == 403


async def test_a_login_is_one_persons_and_a_password_has_its_bounds(world: World) -> None:
    await with_password(world)
    path = f"/workers/{BEN}/password"
    assert await world.refused(None, "PUT", path, {**CREDENTIALS, "login": LOGIN.upper()}) == (409, "login_taken")
    for password in ("eleven char", "x" * 201):
        assert await world.refused(None, "PUT", path, {"login": "ben", "password": password}) == (422, "invalid")
    alike = {"login": "ben.the.supervisor", "password": "Ben.The.Supervisor"}
    assert await world.refused(None, "PUT", path, alike) == (409, "password_is_login")


async def test_an_administrator_of_a_site_sets_no_password_of_whoever_holds_a_role_at_the_operator(
    world: World,
) -> None:
    await world.person("dora", "administrator")
    await world.done("dora", "PUT", f"/workers/{ANNA}/password", CREDENTIALS)
    await world.done(None, "POST", "/sites/operator/grants", {"worker_id": ANNA, "role": "auditor"})
    for method, path, body in (
        ("PUT", "password", CREDENTIALS),
        ("DELETE", "password", None),
        ("DELETE", "sessions", None),
    ):
        assert await world.refused("dora", method, f"/workers/{ANNA}/{path}", body) == (403, "forbidden")


async def test_a_hash_of_older_parameters_is_made_anew_when_the_password_is_shown(world: World) -> None:
    await with_password(world)
    weaker = PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    await on_keys(world, f"UPDATE account SET password_hash = '{weaker}'")  # noqa: S608 -- a hash of ours
    await signed_in(world)
    account = await world.installation.running["checkin"].authority.accounts.of(ANNA)
    assert account
    assert account.password_hash != weaker
    assert (await sign_in(world, CREDENTIALS)).status_code == 201


async def test_grants_are_read_again_only_where_they_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    wholly: list[str] = []

    async def noted(*given: Any, **more: Any) -> Loaded:
        _, streams = given
        wholly.extend([] if "tails" in more else streams)
        return await load(*given, **more)

    await world.done(BEN, "GET", f"/workers/{ANNA}")
    monkeypatch.setattr(identity, "load", noted)
    await world.done(BEN, "GET", f"/workers/{ANNA}")
    assert wholly == []
    await world.done(None, "POST", "/sites/site1/grants/withdrawals", {"worker_id": BEN, "role": "supervisor"})
    wholly.clear()
    assert await world.refused(BEN, "GET", f"/workers/{ANNA}") == (403, "forbidden")
    assert wholly == ["grant-site1"]


@pytest.mark.parametrize("shown", ["Bearer made-up", "Bearer", "Basic YTpi", ""])
async def test_a_session_takes_a_call_for_help_beside_a_token_that_is_nobodys(world: World, shown: str) -> None:
    await with_password(world)
    secret = await signed_in(world)
    assert await status(world, secret, f"/workers/{ANNA}/help", "POST", headers={"Authorization": shown}) == 200
    assert await status(world, secret, headers={"Authorization": shown}) == 401, "and nothing else"
