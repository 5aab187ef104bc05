"""Escalations as JSON: who may see and do what, and what is answered."""

import pytest

from shared.contracts.escalations import EscalationResolved
from shared.contracts.grants import GrantGiven
from shared.contracts.roles import Role
from shared.runtime.identity import Allowed, Authority, Identity
from tests.integration.escalation.conftest import EPISODE, STREAM, World
from tests.support.history import (
    FIRST_WAIT,
    LIZ,
    OLGA,
    POLICY,
    SAM,
    SITE,
    SUE,
    WALT,
    help_at_visit,
    missed_visit,
    record,
    withdraw,
)
from tests.support.services import bearer

ONE = f"/escalations/{EPISODE}"


@pytest.fixture
async def missed(world: World) -> World:
    """Walt has missed his check-in, and his supervisors have been told."""
    await missed_visit(world.installation)
    await world.installation.quiet()
    return world


async def test_an_escalation_shows_its_triggers_steps_and_whoever_was_told(missed: World) -> None:
    first, second = (await missed.get(SUE, ONE)).json()["steps"]
    assert first["started_at"] is not None
    assert (second["name"], second["started_at"], second["told"]) == ("Go there", None, [])
    await missed.installation.clock.forward(FIRST_WAIT)
    await missed.installation.quiet()
    await help_at_visit(missed.installation)
    await missed.installation.quiet()
    shown = (await missed.get(SUE, ONE)).json()
    assert (shown["state"], shown["episode"], shown["worker_id"]) == ("open", 1, WALT)
    assert (shown["policy_id"], shown["policy_version"]) == (POLICY, 1)
    assert [(trigger["trigger"], trigger["ladder_no"]) for trigger in shown["triggers"]] == [
        ("check_in_missed", 1),
        ("help", 2),
    ]
    assert [(step["ladder_no"], step["step"], step["name"], step["told"]) for step in shown["steps"]] == [
        (1, 1, "Ring the worker", [SUE, SAM]),
        (1, 2, "Go there", [LIZ]),
        (2, 1, "Go there now", [LIZ]),
    ]
    assert [step["cites"]["clauses"] for step in shown["steps"]] == [["N 2.1"], ["N 2.2"], ["N 3.1"]]
    assert shown["told"] == [SUE, SAM, LIZ]
    assert shown["next_at"] == shown["steps"][2]["next_at"]
    assert shown["acknowledged_by"] is None
    assert shown["ladders"][0]["ladder"]["steps"][0]["wait"] == "PT5M"


async def test_acknowledging_and_resolving_are_answered_with_their_position(missed: World) -> None:
    taken = await missed.post(SAM, f"{ONE}/acknowledgement")
    assert taken.status_code == 200
    shown = (await missed.get(SUE, ONE)).json()
    assert (shown["state"], shown["acknowledged_by"], shown["position"]) == (
        "acknowledged",
        SAM,
        taken.json()["position"],
    )
    assert shown["acknowledgements"][0]["via"] == "api"
    ended = await missed.post(LIZ, f"{ONE}/resolution", confirmed_by=SAM, how="met_in_person", note="By the gate")
    assert ended.status_code == 200
    shown = (await missed.get(SUE, ONE)).json()
    assert shown["ended"] | {"ended_at": None} == {
        "by": LIZ,
        "ended_at": None,
        "how": "met_in_person",
        "confirmed_by": SAM,
        "note": "By the gate",
    }
    again = await missed.post(LIZ, f"{ONE}/stand-down", reason="test")
    assert (again.status_code, again.json()["code"]) == (409, "not_open")


async def test_a_note_is_sealed_for_the_worker_whom_it_is_about_and_no_refusal_repeats_it(missed: World) -> None:
    malformed = await missed.post(SUE, f"{ONE}/resolution", confirmed_by=SUE, how="By the gate", note="By the gate")
    assert (malformed.status_code, "By the gate" in malformed.text) == (422, False)
    await missed.post(SUE, f"{ONE}/resolution", confirmed_by=SUE, how="met_in_person", note="By the gate")
    last = (await missed.installation.history(STREAM))[-1]
    assert isinstance(last.event, EscalationResolved)
    assert last.event.note is not None
    registered = (await missed.installation.history(f"worker-{WALT}"))[0]
    assert last.event.note.kid == registered.envelope.data["name"]["kid"]
    rows = await missed.installation.admin.fetch("SELECT record FROM log.event")
    assert not [row for row in rows if b"By the gate" in row["record"]]


async def test_who_comes_second_is_refused_and_the_same_request_again_is_answered_as_before(missed: World) -> None:
    headers = bearer("token-of-sue") | {"Idempotency-Key": "one"}
    path = f"/escalation{ONE}/acknowledgement"
    first, repeat = [(await missed.client.post(path, headers=headers)).json() for _ in range(2)]
    assert first == repeat
    second = await missed.post(SAM, f"{ONE}/acknowledgement")
    assert (second.status_code, second.json()["code"]) == (409, "already_acknowledged")


async def test_the_worker_whom_it_is_about_cannot_take_or_end_it_even_as_a_supervisor(missed: World) -> None:
    refused = await missed.post(WALT, f"{ONE}/acknowledgement")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    granted = GrantGiven(site_id=SITE, worker_id=WALT, role=Role.SUPERVISOR)
    await record(missed.installation, "checkin", f"grant-{SITE}", granted, site_id=SITE)
    for what, body in (
        ("acknowledgement", {}),
        ("resolution", {"confirmed_by": WALT, "how": "met_in_person"}),
        ("stand-down", {"reason": "test"}),
    ):
        refused = await missed.post(WALT, f"{ONE}/{what}", **body)
        none = await missed.post(WALT, f"{ONE.replace('.1', '.2')}/{what}", **body)
        assert (refused.status_code, refused.json()["code"]) == (404, "escalation_unknown")
        assert refused.json() == none.json(), "it is answered as one that never was"
    assert await missed.types() == ["opened", "step_started"]


async def test_an_episode_that_is_not_the_current_one_is_not_open_and_one_that_never_was_is_unknown(
    missed: World,
) -> None:
    await missed.post(SUE, f"{ONE}/stand-down", reason="test")
    await help_at_visit(missed.installation)
    await missed.installation.quiet()
    old = await missed.post(SUE, f"{ONE}/acknowledgement")
    assert (old.status_code, old.json()["code"]) == (409, "not_open")
    for unknown in ("visit1.3", "nowhere.1", "nowhere"):
        answered = await missed.post(SUE, f"/escalations/{unknown}/acknowledgement")
        assert (answered.status_code, answered.json()["code"]) == (404, "escalation_unknown")
    assert (await missed.get(SUE, "/escalations/visit1.2")).json()["state"] == "open"
    assert (await missed.get(SUE, ONE)).json()["state"] == "stood_down"


async def test_the_list_is_of_one_site_or_of_all_for_the_operator_and_open_or_ended(missed: World) -> None:
    await missed_visit(missed.installation, "visit2")
    await missed.installation.quiet()
    ended = await missed.post(SUE, f"{ONE}/stand-down", reason="test")
    at_least = ended.json()["position"]

    async def listed(who: str, query: str) -> list[str]:
        answered = await missed.get(who, f"/escalations?{query}&at_least={at_least}")
        return [row["escalation_id"] for row in answered.json()["escalations"]]

    assert await listed(SUE, f"site_id={SITE}") == ["visit2.1", "visit1.1"]
    assert await listed(SUE, f"site_id={SITE}&open=true") == ["visit2.1"]
    assert await listed(OLGA, "open=false") == ["visit1.1"]
    assert await listed(OLGA, "site_id=elsewhere") == []
    assert (await missed.get(SUE, "/escalations")).status_code == 403
    assert (await missed.get(SUE, "/escalations?site_id=elsewhere")).status_code == 403
    assert (await missed.get(WALT, f"/escalations?site_id={SITE}")).status_code == 403
    assert (await missed.client.get(f"/escalation{ONE}")).status_code == 401


async def test_the_list_says_who_has_it_and_that_nobody_is_left_to_tell(missed: World) -> None:
    async def row() -> tuple[str, str | None, bool, str]:
        await missed.installation.quiet()
        (one,) = (await missed.get(SUE, f"/escalations?site_id={SITE}")).json()["escalations"]
        return one["state"], one["acknowledged_by"], one["exhausted"], one["trigger"]

    assert await row() == ("open", None, False, "check_in_missed")
    for _ in range(4):
        await missed.installation.clock.forward(2 * FIRST_WAIT)
        await missed.installation.quiet()
    await missed.post(SUE, f"{ONE}/acknowledgement")
    assert await row() == ("acknowledged", SUE, True, "check_in_missed")
    await help_at_visit(missed.installation)
    assert await row() == ("open", SUE, True, "help")


async def test_who_did_not_know_of_what_joined_ends_nothing_and_takes_only_what_they_knew_of(missed: World) -> None:
    seen = (await missed.get(SUE, ONE)).json()["triggers_seen"]
    await help_at_visit(missed.installation)
    await missed.installation.quiet()
    safe = {"confirmed_by": SUE, "how": "met_in_person"}
    for what, body in (("resolution", safe), ("stand-down", {"reason": "test"})):
        refused = await missed.post(SUE, f"{ONE}/{what}", **body, triggers_seen=seen)
        assert (refused.status_code, refused.json()["code"]) == (409, "changed_since")
    assert (await missed.post(SUE, f"{ONE}/acknowledgement", triggers_seen=seen)).status_code == 200
    shown = (await missed.get(SUE, ONE)).json()
    assert (shown["state"], shown["acknowledged_by"], shown["triggers_seen"]) == ("open", SUE, 2)
    assert shown["next_at"] is not None
    await missed.installation.quiet()
    (row,) = (await missed.get(SUE, f"/escalations?site_id={SITE}")).json()["escalations"]
    assert (row["state"], row["acknowledged_by"]) == ("open", SUE)
    assert (await missed.post(SUE, f"{ONE}/resolution", **safe, triggers_seen=2)).status_code == 200


async def test_whoever_confirmed_it_is_somebody_who_is_registered(missed: World) -> None:
    refused = await missed.post(SUE, f"{ONE}/resolution", confirmed_by="ghost", how="met_in_person")
    assert (refused.status_code, refused.json()["code"]) == (404, "worker_unknown")
    assert await missed.types() == ["opened", "step_started"]
    confirmed = await missed.post(SUE, f"{ONE}/resolution", confirmed_by=WALT, how="spoke_with_worker")
    assert confirmed.status_code == 200


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("acknowledgement", {}),
        ("resolution", {"confirmed_by": SUE, "how": "met_in_person"}),
        ("stand-down", {"reason": "test"}),
    ],
)
async def test_a_role_withdrawn_after_it_was_looked_up_takes_and_ends_nothing(
    missed: World, monkeypatch: pytest.MonkeyPatch, what: str, body: dict[str, str]
) -> None:
    authorise = Authority.authorise

    async def then_withdrawn(
        self: Authority, identity: Identity, operation: str, site_id: str | None, *, own: bool = False
    ) -> Allowed:
        allowed = await authorise(self, identity, operation, site_id, own=own)
        await withdraw(missed.installation, SUE)
        return allowed

    monkeypatch.setattr(Authority, "authorise", then_withdrawn)
    assert (await missed.post(SUE, f"{ONE}/{what}", **body)).status_code == 409
    monkeypatch.undo()
    assert (await missed.post(SUE, f"{ONE}/{what}", **body)).status_code == 403
    assert await missed.types() == ["opened", "step_started"]
