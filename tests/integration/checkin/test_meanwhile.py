"""What somebody changes between a decision and its append: the gate decides again, and a call for help is not put off."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.runtime.log import Append, Outcome
from shared.runtime.sequencer import Sequencer
from tests.support.world import ANNA, ASSESSMENT, BEN, POLICY, SITE, World
from tests.unit.checkin.examples import YES

Meanwhile = Callable[[Awaitable[Any]], None]

START = {"dynamic_assessment": YES}
BENS_ROLE = {"worker_id": BEN, "role": "supervisor"}
UNMANAGED = {"assessment_id": ASSESSMENT, "site_id": SITE, "outcome": "cannot_be_managed", "factors": []}


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Give something to do between the next command's decision and its append."""
    append = Sequencer.append
    waiting: list[Awaitable[Any]] = []

    async def late(sequencer: Sequencer, command: Append) -> Outcome:
        while waiting:
            await waiting.pop()
        return await append(sequencer, command)

    monkeypatch.setattr(Sequencer, "append", late)
    return waiting.append


def withdrawal(world: World) -> Awaitable[Any]:
    """Return what takes Ben's role at the site from him."""
    return world.done(None, "POST", f"/sites/{SITE}/grants/withdrawals", BENS_ROLE)


async def test_nobody_approves_by_a_role_that_was_withdrawn_meanwhile(world: World, meanwhile: Meanwhile) -> None:
    visit_id = await world.planned()
    meanwhile(withdrawal(world))
    assert await world.refused(BEN, "POST", f"/visits/{visit_id}/approval") == (409, "busy")
    assert (await world.visit(visit_id))["status"] == "planned"
    assert await world.refused(BEN, "POST", f"/visits/{visit_id}/approval") == (403, "forbidden")


async def test_nobody_plans_by_a_role_that_was_withdrawn_meanwhile(world: World, meanwhile: Meanwhile) -> None:
    body = await world.plan_body()
    meanwhile(withdrawal(world))
    assert await world.refused(BEN, "POST", "/visits", body) == (409, "busy")
    assert "visit.planned.v1" not in await world.installation.types()


async def test_nothing_is_approved_on_an_assessment_that_was_replaced_meanwhile(
    world: World, meanwhile: Meanwhile
) -> None:
    visit_id = await world.planned()
    meanwhile(world.done(BEN, "POST", "/assessments", UNMANAGED))
    refused = await world.refused(BEN, "POST", f"/visits/{visit_id}/approval")
    assert refused == (409, "risk_cannot_be_managed")


async def test_nothing_starts_on_an_assessment_that_was_replaced_meanwhile(world: World, meanwhile: Meanwhile) -> None:
    visit_id = await world.approved()
    meanwhile(world.done(BEN, "POST", "/assessments", UNMANAGED))
    refused = await world.refused(ANNA, "POST", f"/visits/{visit_id}/start", START)
    assert refused == (409, "risk_cannot_be_managed")
    assert (await world.visit(visit_id))["status"] == "approved"


async def test_a_visit_is_planned_under_the_policy_that_was_adopted_meanwhile(
    world: World, meanwhile: Meanwhile
) -> None:
    policy = (await world.done(None, "GET", f"/policies/{POLICY}"))["policy"]
    meanwhile(world.done(None, "POST", "/policies", policy | {"title": "Lone working, revised"}))
    assert (await world.visit(await world.planned()))["policy_version"] == 2


@pytest.mark.parametrize("path", ["help", "check-ins"])
async def test_no_grant_that_changes_meanwhile_puts_off_help_or_a_check_in(
    world: World, meanwhile: Meanwhile, path: str
) -> None:
    visit_id = await world.started()
    meanwhile(withdrawal(world))
    await world.done(ANNA, "POST", f"/visits/{visit_id}/{path}")
    if path == "help":
        await world.done(None, "POST", f"/sites/{SITE}/grants", BENS_ROLE)
        meanwhile(withdrawal(world))
        await world.done(BEN, "POST", f"/visits/{visit_id}/help")
        assert (await world.visit(visit_id))["calls_for_help"] == 2
