"""The operator's own ladder over HTTP: who is told when something is wrong with Lonewatch itself; no policy, and kept apart."""

from __future__ import annotations

from typing import Any

from shared.contracts.visits import OperatorLadderSet
from tests.support.world import BEN, World
from tests.unit.checkin.examples import POLICY_1

LADDER: dict[str, Any] = POLICY_1.ladders[0].model_dump(mode="json") | {"trigger": "system"}


async def test_the_operators_own_ladder_is_set_by_an_administrator_and_kept_apart_from_policies(world: World) -> None:
    await world.done(None, "PUT", "/operator-ladder", LADDER)
    await world.done(None, "PUT", "/operator-ladder", LADDER)
    [recorded] = await world.installation.history("policy-operator")
    assert isinstance(recorded.event, OperatorLadderSet)
    assert recorded.event.ladder.model_dump(mode="json") == LADDER
    assert (await world.refused(BEN, "PUT", "/operator-ladder", LADDER))[0] == 403
    assert await world.refused(None, "GET", "/policies/operator") == (404, "policy_unknown")


async def test_a_ladder_for_another_trigger_is_not_the_operators_own(world: World) -> None:
    response = await world.send(None, "PUT", "/operator-ladder", LADDER | {"trigger": "help"})
    assert (response.status_code, response.json()["code"]) == (422, "invalid")
    assert "for the trigger system" in response.text
    assert await world.refused(None, "PUT", "/operator-ladder", LADDER | {"steps": []}) == (422, "invalid")
    assert await world.installation.history("policy-operator") == []


async def test_no_policy_is_adopted_under_the_operators_id(world: World) -> None:
    policy = POLICY_1.model_dump(mode="json") | {"policy_id": "operator"}
    assert await world.refused(None, "POST", "/policies", policy) == (409, "policy_reserved")
    await world.done(None, "PUT", "/operator-ladder", LADDER)
    site = {"site_id": "nowhere", "name": "Nowhere", "policy_id": "operator"}
    assert await world.refused(None, "POST", "/sites", site) == (404, "policy_unknown")


async def test_an_operators_ladder_that_tells_nobody_is_refused(world: World) -> None:
    silent = [{**LADDER["steps"][0], "notify": []}]
    response = await world.send(None, "PUT", "/operator-ladder", LADDER | {"steps": silent})
    assert (response.status_code, response.json()["code"]) == (422, "invalid")
    assert "ladder.steps[1]" in response.text
