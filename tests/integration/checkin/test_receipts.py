"""Every command that is taken is answered with a receipt: which leaf of the audit tree its last record must be."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from tests.integration.checkin.test_duress import DURESS, PIN, with_pins
from tests.support.world import ANNA, BEN, SITE, World

RECORD = "SELECT record FROM log.event WHERE position = $1"


async def receipt(world: World, position: int) -> dict[str, Any]:
    """Return what the receipt for this position must be, from the record itself."""
    entry = sha256(await world.installation.admin.fetchval(RECORD, position)).digest()
    return {"position": position, "leaf_hash": sha256(b"\x00" + entry).hexdigest()}


async def test_a_command_is_answered_with_the_receipt_for_its_last_record_and_a_repeat_with_the_first(
    world: World,
) -> None:
    visit_id, key = await world.started(), {"Idempotency-Key": "once"}
    path = f"/visits/{visit_id}/check-ins"
    first = await world.done(ANNA, "POST", path, headers=key)
    await world.done(ANNA, "POST", path)
    again = await world.done(ANNA, "POST", path, headers=key)
    assert first["receipt"] == again["receipt"] == await receipt(world, first["position"])


async def test_where_nothing_was_appended_the_receipt_is_null(world: World) -> None:
    grant = {"worker_id": BEN, "role": "supervisor"}
    answer = await world.done(None, "POST", f"/sites/{SITE}/grants", grant)
    assert (answer["position"], answer["receipt"]) == (None, None)


async def test_under_duress_the_receipt_is_for_the_check_in_and_not_for_what_stands_beside_it(world: World) -> None:
    await with_pins(world)
    visit_id = await world.started()
    ordinary, duress = [
        await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins", {"pin": pin}) for pin in (PIN, DURESS)
    ]
    assert list(duress) == list(ordinary)
    assert duress["receipt"].keys() == ordinary["receipt"].keys()
    assert len(duress["receipt"]["leaf_hash"]) == len(ordinary["receipt"]["leaf_hash"])
    *_, signalled, checked_in = await world.installation.history(visit_id=visit_id)
    assert signalled.envelope.type == "visit.duress_signalled.v1"
    assert duress["receipt"] == await receipt(world, checked_in.position)


async def test_a_call_for_help_that_is_the_caller_s_own_has_one_too(world: World) -> None:
    answer = await world.done(ANNA, "POST", "/visits/nowhere/help")
    assert answer["receipt"] == await receipt(world, answer["position"])
