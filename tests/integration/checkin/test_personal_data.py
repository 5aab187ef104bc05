"""Personal data are sealed: in no line, no refusal, no record, no row. Checked from outside, on a process of its own."""

from pathlib import Path

import asyncpg

from tests.support.processes import Process, process
from tests.support.services import Installation, bearer
from tests.support.world import ANNA, BEN, SITE, World, make_world

CANARY = "canary"
"""In every name, place, note, address and number of these tests, and nowhere else."""

RISK = {"site_id": SITE, "outcome": "acceptable", "factors": ["person"]}


async def _bodies_of_refusals(world: World, visit_id: str) -> str:
    """Send canaries where each is refused, and return all that was answered."""
    plan = await world.plan_body(place="Canary Wharf")
    contact = {"relation": "Aunt Canary", "name": "Canary", "phone": "canary" * 100}
    mail = {"contact_points": [{"channel": "mail", "address": "not canary an address"}]}
    wrong = [
        (ANNA, "POST", "/visits", plan | {"contacts": [contact]}),
        (ANNA, "POST", "/visits", plan | {"place": "canary" * 1000}),
        (ANNA, "POST", "/visits", plan | {"interval": "PT9H"}),
        (ANNA, "PUT", f"/workers/{ANNA}/contact-points", mail),
        (None, "POST", "/workers", {"worker_id": ANNA, "site_id": SITE, "name": "Other Canary"}),
        (None, "POST", "/workers", {"site_id": SITE, "name": ["Canary"]}),
        (BEN, "POST", f"/visits/{visit_id}/refusal", {"reason": "Canary was there", "note": "canary"}),
        (BEN, "POST", f"/visits/{visit_id}/refusal", {"reason": "too_late", "note": "canary"}),
        (ANNA, "POST", f"/visits/{visit_id}/canary", {"note": "canary"}),
        (BEN, "POST", "/assessments", RISK | {"controls": ["canary" * 100]}),
        (ANNA, "PUT", f"/workers/{ANNA}/phones", {"mobile": "canary"}),
        (ANNA, "PUT", f"/workers/{ANNA}/code-words", {"all_well": "Canary", "duress": "canary"}),
        (ANNA, "PUT", f"/workers/{ANNA}/pins", {"pin": "canary", "duress_pin": "canary"}),
        (ANNA, "POST", f"/visits/{visit_id}/situations", {"situation": "canary", "note": "canary"}),
        (BEN, "POST", "/assessments", RISK | {"controls": ["Canary waits"], "valid_until_at": "2001-01-01T00:00:00Z"}),
    ]
    texts = []
    for who, method, path, body in wrong:
        response = await world.send(who, method, path, body)
        assert response.status_code in {404, 409, 422}, response.text
        texts.append(response.text)
    response = await world.checkin.post(
        "/checkin/visits", content=b'{"place": "canary', headers=bearer(world.tokens[ANNA])
    )
    assert response.status_code == 422
    return "\n".join([*texts, response.text])


async def _tell(world: World) -> str:
    """Send a canary in every personal field there is; return the refusals' bodies."""
    contact = {"relation": "relative", "name": "Aunt Canary", "phone": "canary 07700"}
    visit_id = await world.started(contacts=[contact], place="Canary Wharf")
    points = [
        {"channel": "mail", "address": "anna@canary.example"},
        {"channel": "webhook", "address": "https://canary.example/x", "secret": "canary-secret"},
    ]
    await world.done(ANNA, "PUT", f"/workers/{ANNA}/contact-points", {"contact_points": points})
    await world.done(ANNA, "PUT", f"/workers/{ANNA}/phones", {"mobile": "canary 07700 900123"})
    await world.done(ANNA, "PUT", f"/workers/{ANNA}/code-words", {"all_well": "canary", "duress": "no canary"})
    noted = {"situation": "unsafe", "note": "canary: the dog is loose"}
    await world.done(ANNA, "POST", f"/visits/{visit_id}/situations", noted)
    await world.done(ANNA, "POST", f"/workers/{ANNA}/situations", noted)
    await world.done(ANNA, "POST", f"/visits/{visit_id}/help", {"note": "canary: come quickly"})
    await world.done(ANNA, "POST", f"/workers/{ANNA}/help", {"note": "canary: come quickly"})
    await world.done(BEN, "POST", "/assessments", RISK | {"controls": ["Canary waits outside"], "notes": "canary"})
    planned = await world.planned()
    await world.done(BEN, "POST", f"/visits/{planned}/refusal", {"reason": "not_alone", "note": "canary was there"})
    ended = await world.started()
    await world.done(ANNA, "POST", f"/visits/{ended}/end")
    await world.done(ANNA, "POST", f"/visits/{ended}/report", {"went": "incident", "note": "canary: it bit again"})
    return await _bodies_of_refusals(world, visit_id)


async def _stored(dsn: str) -> str:
    """Return every row of every table of a database as text; records are bytes, and shown as what they say."""
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        tables = await connection.fetch(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        rows = [str(row) for table in tables for row in await connection.fetch("TABLE " + table["name"])]
    finally:
        await connection.close()
    return "\n".join(rows)


async def test_no_line_no_refusal_no_record_and_no_row_shows_personal_data(
    installation: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "administrator"
    async with process(
        installation, "checkin", tmp_path, first_administrator_file=str(file), alarm_chain="[]"
    ) as running:
        world = await _world(installation, running, file.read_text().strip())
        refusals = await _tell(world)
        worker = await world.done(BEN, "GET", f"/workers/{ANNA}")
        await world.done(None, "GET", "/visits", params={"at_least": worker.get("position", 0)})
        assert worker["name"].lower().endswith(CANARY), "whoever may read the person can read the name"
    lines = running.lines.read_text("utf-8")
    assert '"command":"ask_for_help"' in lines.replace(" ", "")
    stored = await _stored(installation.database.admin) + await _stored(installation.database.keys_admin)
    assert "visit.planned.v1" in stored
    for where, text in {"lines": lines, "refusals": refusals, "databases": stored}.items():
        found = [line[:300] for line in text.splitlines() if CANARY in line.lower()]
        assert found == [], where
    assert not any(token in lines + stored for token in world.tokens.values())


async def _world(installation: Installation, running: Process, token: str) -> World:
    running.client.headers.update(bearer(token))
    return await make_world(installation, running.client)
