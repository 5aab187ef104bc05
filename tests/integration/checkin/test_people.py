"""Who may set up what: people, tokens, roles, sites; and the first administrator."""

import asyncio
import stat
from pathlib import Path

import asyncpg
import pytest

from services.checkin.app import make_first_administrator
from shared.runtime.identity import Authority, NoIdentity
from tests.support.services import Installation, bearer
from tests.support.world import ANNA, BEN, SITE, World

KEY = {"Idempotency-Key": "token-1"}


def revocation(worker_id: str, token_id: str) -> str:
    return f"/workers/{worker_id}/tokens/{token_id}/revocation"


async def stands_for(world: World, token: str) -> str | None:
    """Return whom a token stands for where nobody has kept it: in a service that was just started."""
    running = world.installation.running["checkin"]
    keys = running.keyring._pool  # noqa: SLF001 -- of the same installation
    try:
        return (await Authority(running.commands.pool, keys).identify(token)).worker_id
    except NoIdentity:
        return None


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def test_a_token_is_shown_once_and_a_repeat_says_so(world: World) -> None:
    first = await world.done(None, "POST", f"/workers/{ANNA}/tokens", headers=KEY)
    again = await world.done(None, "POST", f"/workers/{ANNA}/tokens", headers=KEY)
    assert (again["token_id"], again["token"]) == (first["token_id"], None)
    assert "issue another" in again["notice"]
    world.tokens[ANNA] = first["token"]
    assert (await world.done(ANNA, "GET", f"/workers/{ANNA}"))["worker_id"] == ANNA


async def test_a_token_that_is_revoked_stands_for_nobody_and_the_other_one_still_does(world: World) -> None:
    lost = await world.done(None, "POST", f"/workers/{ANNA}/tokens")
    phone = world.tokens[ANNA]
    assert await stands_for(world, lost["token"]) == ANNA
    world.tokens["whoever found it"] = lost["token"]
    await world.done("whoever found it", "GET", f"/workers/{ANNA}")
    answer = await world.done(ANNA, "POST", revocation(ANNA, lost["token_id"]))
    assert (answer["worker_id"], answer["token_id"]) == (ANNA, lost["token_id"])
    assert await world.refused("whoever found it", "GET", f"/workers/{ANNA}") == (401, "no_identity")
    assert (await stands_for(world, lost["token"]), await stands_for(world, phone)) == (None, ANNA)
    assert lost["token_id"] not in (await world.done(ANNA, "GET", f"/workers/{ANNA}"))["token_ids"]


async def test_a_revocation_that_a_crash_cut_off_is_finished_by_sending_it_again(world: World) -> None:
    issued = await world.done(None, "POST", f"/workers/{ANNA}/tokens")
    path = revocation(ANNA, issued["token_id"])
    await world.done(None, "POST", path, headers=KEY)
    for headers in (KEY, {}):  # the same request, and the same command as a new one
        await _as_if_never_done(world, issued["token_id"])
        assert await stands_for(world, issued["token"]) == ANNA
        await world.done(None, "POST", path, headers=headers)
        assert await stands_for(world, issued["token"]) is None
    assert (await world.installation.types(f"worker-{ANNA}")).count("worker.token_revoked.v1") == 1


async def _as_if_never_done(world: World, token_id: str) -> None:
    keys = await asyncpg.connect(world.installation.database.keys_admin, ssl=False)
    try:
        await keys.execute("UPDATE credential SET revoked_at = NULL WHERE token_id = $1", token_id)
    finally:
        await keys.close()


async def test_a_token_that_is_revoked_before_anybody_could_show_it_is_never_anybody_s(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember = Authority.remember

    async def late(authority: Authority, token: str, token_id: str, worker_id: str) -> None:
        await world.done(None, "POST", revocation(worker_id, token_id))
        await remember(authority, token, token_id, worker_id)

    monkeypatch.setattr(Authority, "remember", late)
    issued = await world.done(None, "POST", f"/workers/{ANNA}/tokens")
    assert await stands_for(world, issued["token"]) is None


async def test_a_token_is_revoked_by_its_person_or_an_administrator_and_only_where_it_is_theirs(world: World) -> None:
    own = (await world.done(ANNA, "GET", f"/workers/{ANNA}"))["token_ids"][0]
    assert await world.refused(BEN, "POST", revocation(ANNA, own)) == (403, "forbidden")
    assert await world.refused(None, "POST", revocation(BEN, own)) == (404, "token_unknown")
    assert await world.refused(None, "POST", revocation("nobody", own)) == (404, "worker_unknown")
    assert await stands_for(world, world.tokens[ANNA]) == ANNA


async def test_an_administrator_of_a_site_locks_nobody_out_who_holds_a_role_at_the_operator(world: World) -> None:
    await world.person("dora", "administrator")
    await world.person("eve", "worker")
    [token_id] = (await world.done("eve", "GET", "/workers/eve"))["token_ids"]
    await world.done(None, "POST", "/sites/operator/grants", {"worker_id": "eve", "role": "auditor"})
    assert await world.refused("dora", "POST", revocation("eve", token_id)) == (403, "forbidden")
    await world.done(None, "POST", revocation("eve", token_id))


async def test_only_an_administrator_of_the_place_sets_it_up(world: World) -> None:
    for method, path, body in (
        ("POST", "/workers", {"site_id": SITE, "name": "x"}),
        ("POST", f"/workers/{ANNA}/tokens", None),
        ("POST", f"/sites/{SITE}/grants", {"worker_id": BEN, "role": "administrator"}),
        ("POST", f"/sites/{SITE}/grants/withdrawals", {"worker_id": ANNA, "role": "worker"}),
        ("POST", "/sites", {"name": "x", "policy_id": "policy1"}),
        ("PUT", f"/workers/{ANNA}/contact-points", {"contact_points": []}),
    ):
        assert await world.refused(BEN, method, path, body) == (403, "forbidden")


async def test_an_administrator_of_a_site_rules_there_and_nowhere_else(world: World) -> None:
    await world.person("dora", "administrator")
    await world.done("dora", "POST", "/workers", {"worker_id": "eve", "site_id": SITE, "name": "Eve"})
    await world.done("dora", "POST", f"/sites/{SITE}/grants", {"worker_id": "eve", "role": "worker"})
    elsewhere = {"worker_id": "dora", "role": "administrator"}
    for site_id in ("site2", "operator"):
        assert await world.refused("dora", "POST", f"/sites/{site_id}/grants", elsewhere) == (403, "forbidden")
    await world.done(None, "POST", "/sites/operator/grants", {"worker_id": "eve", "role": "administrator"})
    assert await world.refused("dora", "POST", "/workers/eve/tokens") == (403, "forbidden"), "no way up"
    assert (await world.done(None, "POST", "/workers/eve/tokens"))["token"]


@pytest.mark.requirement("RO-07")
async def test_a_role_that_is_withdrawn_no_longer_counts(world: World) -> None:
    visit_id = await world.planned()
    await world.done(None, "POST", f"/sites/{SITE}/grants/withdrawals", {"worker_id": BEN, "role": "supervisor"})
    assert await world.refused(BEN, "POST", f"/visits/{visit_id}/approval") == (403, "forbidden")


async def test_the_last_administrator_of_the_operator_stays(world: World) -> None:
    [grant] = (await world.done(None, "GET", "/sites/operator"))["grants"]
    path = "/sites/operator/grants/withdrawals"
    assert await world.refused(None, "POST", path, grant) == (409, "last_administrator")


async def test_what_is_not_known_cannot_be_built_on(world: World) -> None:
    for path, body, code in (
        ("/sites", {"name": "x", "policy_id": "nowhere"}, "policy_unknown"),
        ("/workers", {"site_id": "nowhere", "name": "x"}, "site_unknown"),
        ("/sites/nowhere/grants", {"worker_id": ANNA, "role": "worker"}, "site_unknown"),
        (f"/sites/{SITE}/grants", {"worker_id": "nobody", "role": "worker"}, "worker_unknown"),
    ):
        assert await world.refused(None, "POST", path, body) == (404, code)
    for path in ("/sites/nowhere", "/policies/nowhere", "/workers/nobody"):
        assert (await world.refused(None, "GET", path))[0] == 404
    operator = {"site_id": "operator", "name": "x", "policy_id": "policy1"}
    assert await world.refused(None, "POST", "/sites", operator) == (409, "site_exists")


async def test_a_site_shows_its_policy_and_who_holds_which_role(world: World) -> None:
    site = await world.done(ANNA, "GET", f"/sites/{SITE}")
    assert site["policy"]["policy_version"] == 1
    assert site["grants"] == [{"worker_id": ANNA, "role": "worker"}, {"worker_id": BEN, "role": "supervisor"}]


async def test_the_same_policy_again_is_no_new_version(world: World) -> None:
    adopted = await world.done(None, "GET", "/policies/policy1")
    assert (await world.done(None, "POST", "/policies", adopted["policy"]))["policy_version"] == 1


async def test_a_person_says_how_they_are_reached_and_no_secret_is_shown(world: World) -> None:
    point = {"channel": "webhook", "address": "https://pager.example/x", "secret": "hush"}
    await world.done(ANNA, "PUT", f"/workers/{ANNA}/contact-points", {"contact_points": [point]})
    response = await world.send(ANNA, "GET", f"/workers/{ANNA}")
    [shown] = response.json()["contact_points"]
    assert (shown["address"], shown["signed"]) == (point["address"], True)
    assert "hush" not in response.text


async def test_a_contact_point_that_stays_the_same_keeps_its_id(world: World) -> None:
    path = f"/workers/{ANNA}/contact-points"
    mail = {"channel": "mail", "address": "anna@home.example"}
    hook = {"channel": "webhook", "address": "https://pager.example/x", "secret": "hush"}

    async def put(*points: dict[str, str]) -> list[str]:
        ids: list[str] = (await world.done(ANNA, "PUT", path, {"contact_points": points}))["contact_point_ids"]
        return ids

    mail_id, hook_id = await put(mail, hook)
    said = len(await world.installation.types(f"worker-{ANNA}"))
    assert await put(mail, hook) == [mail_id, hook_id]
    assert len(await world.installation.types(f"worker-{ANNA}")) == said, "nothing has changed"
    assert await put(hook, mail) == [hook_id, mail_id]
    second, *both = await put({**hook, "secret": "another"}, mail, mail)
    assert second not in {mail_id, hook_id}
    assert both[0] == mail_id != both[1]
    assert (await put({**hook, "address": "https://pager.example/y"}))[0] not in {mail_id, hook_id, second}


async def test_two_who_install_at_once_make_one_administrator(installation: Installation) -> None:
    await installation.administrator()  # so that there is a service to ask
    async with installation.service("checkin") as client:
        install = installation.apps["checkin"].state.application.install
        assert await install() is None
        await installation.admin.execute("SET session_replication_role = replica; TRUNCATE log.event, log.command")
        tokens = [token for token in await asyncio.gather(*(install() for _ in range(4))) if token]
        assert len(tokens) == 1
        site = await client.get("/checkin/sites/operator", headers=bearer(tokens[0]))
        assert [grant["role"] for grant in site.json()["grants"]] == ["administrator"]


async def test_the_first_administrator_s_token_stands_in_a_file_for_its_owner_alone(
    installation: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "administrator"
    settings = installation.settings("checkin", first_administrator_file=file)
    await asyncio.gather(make_first_administrator(settings), make_first_administrator(settings))
    token = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    await make_first_administrator(installation.settings("checkin", first_administrator_file=tmp_path / "another"))
    assert names_in(tmp_path) - {installation.wrapping_key_file.name} == {"administrator"}
    async with installation.service("checkin", token) as client:
        assert (await client.get("/checkin/sites/operator")).status_code == 200


async def test_a_token_that_was_written_before_a_crash_is_the_one_that_counts(
    installation: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "administrator"
    file.write_text("lw_left-by-a-crash\n")
    await make_first_administrator(installation.settings("checkin", first_administrator_file=file))
    async with installation.service("checkin", "lw_left-by-a-crash") as client:
        assert (await client.get("/checkin/sites/operator")).status_code == 200


@pytest.mark.parametrize("worker_id", ["a" * 41, "visit.1", "-x", "ä", ""])
async def test_an_id_that_others_could_not_be_made_of_is_refused(world: World, worker_id: str) -> None:
    body = {"worker_id": worker_id, "site_id": SITE, "name": "Somebody"}
    assert await world.refused(None, "POST", "/workers", body) == (422, "invalid")


@pytest.mark.parametrize("name", ["Anna\x00", "Anna\nBen", "Anna \u202ecba", "\u2067Anna", "Anna\u2028"])
async def test_a_name_that_turns_round_what_stands_beside_it_is_refused(world: World, name: str) -> None:
    body = {"worker_id": "eve", "site_id": SITE, "name": name}
    assert await world.refused(None, "POST", "/workers", body) == (422, "invalid")
    await world.done(None, "POST", "/workers", body | {"name": "أمينة"})
