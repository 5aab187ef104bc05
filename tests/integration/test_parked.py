"""Records that nobody can read are parked with their reason, are seen over HTTP, and leave every other visit alone."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from shared.contracts.envelope import decode
from shared.contracts.troubles import RecordParked
from tests.support.poison import KINDS, Poison, put, visit_in
from tests.support.services import Installation, bearer
from tests.support.waiting import until
from tests.support.world import BEN, SITE, make_world

if TYPE_CHECKING:
    import httpx2

REASONS = {
    "empty": "not_json",
    "not UTF-8": "not_json",
    "not JSON": "not_json",
    "cut off": "not_json",
    "null": "not_an_envelope",
    "a list": "not_an_envelope",
    "a number of a thousand digits": "not_an_envelope",
    "a hundred thousand brackets": "not_json",
    "not a number": "not_an_envelope",
    "a megabyte of nothing": "not_json",
    "no data": "not_an_envelope",
    "no event id": "not_an_envelope",
    "data is a text": "not_an_envelope",
    "data is empty": "data_of_another_shape",
    "an instant that is none": "data_of_another_shape",
    "an id that is an address": "data_of_another_shape",
    "a text with NUL": "data_of_another_shape",
    "a type that nobody knows": "unknown_type",
    "of a later release": "newer_release",
    "another position": "columns_differ",
    "another visit's": "columns_differ",
}
"""Each kind of poison, and the reason under which it is parked."""

PARKED = "SELECT record FROM log.event WHERE stream_id LIKE 'escalation_trouble-%' ORDER BY position"
APPLIED = "SELECT min(position) FROM log.applied WHERE consumer = 'escalation' AND topic = $1 AND shard = $2"
SHARD = 5
"""The one shard into which all of them go."""


async def parked(admin: asyncpg.Connection[asyncpg.Record], consumer: str = "escalation") -> list[RecordParked]:
    facts = [decode(row["record"]).event for row in await admin.fetch(PARKED)]
    return [fact for fact in facts if isinstance(fact, RecordParked) and fact.consumer == consumer]


async def poisoned(installation: Installation, *kinds: str) -> list[Poison]:
    return [await put(installation.admin, kind, visit_in(SHARD), SITE) for kind in kinds]


async def all_parked(installation: Installation, poison: list[Poison]) -> bool:
    wanted = {one.position for one in poison}
    return wanted <= {fact.position for fact in await parked(installation.admin)}


async def test_every_kind_of_poison_at_the_head_of_a_shard_is_parked_with_its_reason(
    installation: Installation,
) -> None:
    async with installation.service("checkin") as checkin, installation.service("escalation"):
        await make_world(installation, checkin)
        poison = await poisoned(installation, *KINDS)
        await until(lambda: all_parked(installation, poison))
        facts = {fact.position: fact for fact in await parked(installation.admin)}
        found = {one.kind: facts[one.position].reason for one in poison}
        assert {kind: found[kind] for kind in REASONS if kind in found} == {
            kind: REASONS[kind] for kind in found if kind in REASONS
        }
        assert {facts[one.position].visit_id for one in poison} == {one.visit_id for one in poison}
        assert len(facts) == len(poison)
        assert all("canary" not in fact.detail and "ada" not in fact.detail for fact in facts.values())


async def test_a_record_of_a_later_release_is_left_to_newer_replicas_for_a_while(installation: Installation) -> None:
    async with installation.service("checkin") as checkin, installation.service("escalation"):
        await make_world(installation, checkin)
        (newer,) = await poisoned(installation, "of a later release")
        recorded_at = await installation.admin.fetchval("SELECT clock_timestamp()")
        await until(lambda: all_parked(installation, [newer]))
        took = await installation.admin.fetchval("SELECT clock_timestamp()") - recorded_at
        assert 4 < took.total_seconds() < 9


async def sent(client: httpx2.AsyncClient, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    response = await client.request(method, f"/escalation/parked{path}", json=body)
    answer: dict[str, Any] = response.json()
    return response.status_code, answer


async def test_a_parked_record_is_seen_mended_and_replayed_over_http(installation: Installation) -> None:
    async with installation.service("checkin") as checkin, installation.service("escalation") as escalation:
        await make_world(installation, checkin)
        (poison,) = await poisoned(installation, "not JSON")
        await until(lambda: all_parked(installation, [poison]))
        (fact,) = await parked(installation.admin)
        _, listed = await sent(escalation, "GET", "")
        assert [one["parked_id"] for one in listed["parked"]] == [fact.parked_id]
        _, shown = await sent(escalation, "GET", f"/{fact.parked_id}")
        assert b64decode(shown["record_base64"]) == b"a check-in was missed, roughly"
        status, answer = await sent(escalation, "POST", f"/{fact.parked_id}/replay")
        assert (status, answer["code"], answer["reason"]) == (409, "not_replayed", "not_json")
        status, answer = await sent(escalation, "POST", f"/{fact.parked_id}/mend", {"data": {"visit_id": "canary ?"}})
        assert status == 422
        assert {"where": "data.visit_id", "what": "string_pattern_mismatch"} in answer["errors"]
        assert "canary" not in str(answer)
        status, answer = await sent(escalation, "POST", f"/{fact.parked_id}/mend", {"data": miss("somebody-else")})
        assert (status, answer["errors"][0]["where"]) == (422, "data.visit_id"), (
            "nobody's visit is mended into another's"
        )
        assert (await sent(escalation, "POST", f"/{fact.parked_id}/mend", {"data": miss(poison.visit_id)}))[0] == 200
        status, answer = await sent(escalation, "POST", f"/{fact.parked_id}/replay")
        assert (status, answer["replayed"]) == (200, [fact.parked_id])
        assert (await sent(escalation, "POST", f"/{fact.parked_id}/replay"))[1]["replayed"] == []
        assert (await sent(escalation, "POST", f"/{fact.parked_id}/discard", {"reason": "no_use"}))[0] == 409
        assert (await sent(escalation, "GET", ""))[1] == {"parked": []}
        history = await installation.history(f"escalation-{poison.visit_id}")
        triggers = [recorded.envelope.data.get("trigger") for recorded in history]
        assert triggers.count("check_in_missed") == 1


async def test_a_parked_record_is_discarded_over_http(installation: Installation) -> None:
    async with installation.service("checkin") as checkin, installation.service("escalation") as escalation:
        await make_world(installation, checkin)
        (poison,) = await poisoned(installation, "empty")
        await until(lambda: all_parked(installation, [poison]))
        (fact,) = await parked(installation.admin)
        status, answer = await sent(escalation, "POST", f"/{fact.parked_id}/discard", {"reason": "told_by_hand"})
        assert (status, answer["replayed"], answer["stopped_at"]) == (200, [], None)
        assert (await sent(escalation, "POST", f"/{fact.parked_id}/replay"))[1]["code"] == "parked_discarded"


@pytest.mark.parametrize(
    "parked_id", ["escalation.999999", "escalation", "escalation.", "escalation.9" + "9" * 40, "a b"]
)
async def test_what_is_not_parked_is_unknown(installation: Installation, parked_id: str) -> None:
    async with installation.service("escalation") as escalation:
        response = await escalation.get("/escalation/parked/" + parked_id)
        assert response.status_code == 404


async def test_a_supervisor_of_a_site_sees_and_changes_nothing_that_is_parked(installation: Installation) -> None:
    async with installation.service("checkin") as checkin, installation.service("escalation") as escalation:
        world = await make_world(installation, checkin)
        escalation.headers.update(bearer(world.tokens[BEN]))
        for method, path, body in (
            ("GET", "", None),
            ("GET", "/escalation.1", None),
            ("POST", "/escalation.1/mend", {"data": {}}),
            ("POST", "/escalation.1/replay", None),
            ("POST", "/escalation.1/discard", {"reason": "x"}),
        ):
            assert (await sent(escalation, method, path, body))[0] == 403


def miss(visit_id: str) -> dict[str, Any]:
    """Return the data of a missed check-in."""
    at = "2026-11-23T12:00:00Z"
    return {
        "visit_id": visit_id,
        "worker_id": "anna",
        "site_id": SITE,
        "due_at": at,
        "missed_at": at,
        "detected_at": at,
        "policy_id": "nobodys",
        "policy_version": 1,
    }
