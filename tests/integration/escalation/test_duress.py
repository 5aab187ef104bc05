"""Duress and what somebody reports: what opens or joins an escalation, and what the list says of it."""

from shared.contracts.escalations import EscalationJoined, EscalationOpened
from shared.contracts.grants import GrantGiven
from shared.contracts.ladders import Situation
from shared.contracts.notifications import NotReached
from shared.contracts.roles import Role
from shared.contracts.situations import (
    VisitDuressSignalled,
    VisitSituationReported,
    WorkerDuressSignalled,
    WorkerSituationReported,
)
from shared.contracts.tasks import TaskPassedOn
from shared.contracts.troubles import UNKNOWN_WORKER, trouble_stream
from tests.integration.escalation.conftest import EPISODE, STREAM, VISIT, World
from tests.integration.escalation.planned import at_visit, opened, plan
from tests.integration.escalation.tasked import (
    CONTACT,
    HOME,
    MOBILE,
    STEP_WAIT,
    about_walt,
    act,
    adopt,
    steps,
    task_of,
    tasked,
)
from tests.integration.escalation.test_troubles import parked
from tests.support.history import LIZ, OLGA, POLICY, SAM, SITE, SUE, WALT, help_at_visit, missed_visit, record
from tests.support.services import bearer

__all__ = ["tasked"]


def reported(situation: Situation) -> VisitSituationReported:
    """Return that somebody says what is the matter on Walt's visit."""
    return VisitSituationReported(
        visit_id=VISIT, worker_id=WALT, site_id=SITE, policy_id=POLICY, policy_version=1, situation=situation
    )


DURESS = VisitDuressSignalled(
    visit_id=VISIT, worker_id=WALT, site_id=SITE, policy_id=POLICY, policy_version=2, with_command="check_in"
)


async def row(world: World) -> dict[str, str]:
    """Return the one escalation of the list."""
    (one,) = (await world.get(SUE, f"/escalations?site_id={SITE}")).json()["escalations"]
    return dict(one)


async def test_a_duress_pin_opens_an_escalation_on_its_own_ladder(world: World) -> None:
    await adopt(world)
    await plan(world.installation, DURESS)
    await world.installation.quiet()
    first = await opened(world.installation, STREAM)
    assert (first.trigger, first.ladder is not None and first.ladder.instead) == ("duress", True)
    assert await world.told() == [{LIZ}]
    assert (await row(world))["trigger"] == "duress"


async def test_duress_during_a_missed_check_in_runs_instead_of_its_ladder(tasked: World) -> None:
    await at_visit(tasked.installation, DURESS)
    await tasked.installation.quiet()
    joined = [one.event for one in await tasked.installation.history(STREAM)][2]
    assert isinstance(joined, EscalationJoined)
    assert (joined.trigger, joined.stopped, {ask.worker_id for ask in joined.asks}) == ("duress", (1,), {SUE, SAM})
    assert (await act(tasked, SUE, "taking"))[1] == "task_stopped"
    await tasked.installation.clock.forward(STEP_WAIT)
    await tasked.installation.quiet()
    assert [step for step in await steps(tasked) if step[0] == 1] == [(1, 1)]
    assert (await row(tasked))["trigger"] == "duress"


async def test_duress_without_a_visit_and_a_policy_that_has_no_ladder_for_it_goes_by_the_one_for_help(
    world: World,
) -> None:
    await about_walt(world, WorkerDuressSignalled(worker_id=WALT, site_id=SITE, with_command="end_visit"))
    await world.installation.quiet()
    first = await opened(world.installation, f"escalation-{WALT}")
    assert (first.trigger, first.visit_id) == ("duress", None)
    assert first.ladder is not None
    assert first.ladder.trigger == "help"


async def test_whoever_asks_about_themselves_learns_nothing_of_an_escalation_that_duress_opened(world: World) -> None:
    async def asked() -> list[tuple[int, str]]:
        answers = [
            await world.client.request(method, f"/escalation{path}", headers=bearer(f"token-of-{WALT}"))
            for method, path in (
                ("GET", f"/escalations/{EPISODE}"),
                ("GET", f"/escalations?site_id={SITE}"),
                ("POST", f"/escalations/{EPISODE}/acknowledgement"),
                ("POST", f"/escalations/{EPISODE}/tasks/1-1/taking"),
            )
        ]
        return [(answered.status_code, answered.text) for answered in answers]

    await plan(world.installation)
    before = await asked()
    await at_visit(world.installation, DURESS)
    await world.installation.quiet()
    assert await asked() == before


async def test_whoever_asks_about_themselves_cannot_tell_duress_from_a_missed_check_in(world: World) -> None:
    granted = GrantGiven(site_id=SITE, worker_id=WALT, role=Role.SUPERVISOR)
    await record(world.installation, "checkin", f"grant-{SITE}", granted, site_id=SITE)
    ways: dict[str, dict[str, str]] = {
        "acknowledgement": {},
        "resolution": {"confirmed_by": WALT, "how": "met_in_person"},
        "stand-down": {"reason": "test"},
        "tasks/1-1/taking": {},
        "tasks/1-1/outcome": {"outcome": "code_word"},
    }

    async def asked() -> list[tuple[int, str]]:
        answers = [await world.post(WALT, f"/escalations/{EPISODE}/{way}", **body) for way, body in ways.items()]
        return [(answered.status_code, answered.json()["code"]) for answered in answers]

    unknown = [(404, "escalation_unknown")] * len(ways)
    await missed_visit(world.installation)
    await world.installation.quiet()
    assert await asked() == unknown
    await at_visit(world.installation, DURESS)
    await world.installation.quiet()
    assert await asked() == unknown


async def test_nobody_is_safe_by_telephone_under_duress_over_http_nor_by_what_came_of_a_task(tasked: World) -> None:
    await at_visit(tasked.installation, DURESS)
    await tasked.installation.quiet()
    before = await tasked.types()
    by_telephone = {"confirmed_by": LIZ, "how": "spoke_with_worker"}
    refused = await tasked.post(LIZ, f"/escalations/{EPISODE}/resolution", **by_telephone)
    assert (refused.status_code, refused.json()["code"]) == (409, "face_to_face")
    assert "how you saw it" in refused.json()["detail"]
    assert await tasked.types() == before
    met = await tasked.post(LIZ, f"/escalations/{EPISODE}/resolution", **by_telephone | {"how": "met_in_person"})
    assert met.status_code == 200


async def test_what_goes_on_beside_duress_shows_no_number_and_ends_nothing(tasked: World) -> None:
    await at_visit(tasked.installation, reported("safeguarding").model_copy(update={"policy_version": 2}))
    await tasked.installation.quiet()
    assert await act(tasked, LIZ, "taking", "2-1") == (200, None)
    assert [one["phone"] for one in (await task_of(tasked, LIZ, "2-1"))["to_ring"]] == [MOBILE]
    await at_visit(tasked.installation, DURESS)
    await tasked.installation.quiet()
    (left_out,) = (await task_of(tasked, LIZ, "2-1"))["to_ring"]
    assert (left_out["who"], left_out["phone"], "do not ring" in left_out["instead"]) == ("worker_mobile", None, True)
    page = (await tasked.client.get(await tasked.page(LIZ))).text
    assert ("do not ring" in page, "tel:" in page) == (True, False)
    assert all(number not in page for number in (MOBILE, HOME, CONTACT))
    assert await act(tasked, LIZ, "outcome", "2-1", outcome="safe") == (200, None)
    shown = (await tasked.get(LIZ, f"/escalations/{EPISODE}")).json()
    assert (shown["ended"], shown["acknowledged_by"], shown["state"]) == (None, LIZ, "open")
    assert [(one["ladder_no"], one["stopped"]) for one in shown["ladders"]] == [(1, True), (2, False), (3, False)]


async def test_what_somebody_reports_opens_an_escalation_of_that_kind(world: World) -> None:
    await plan(world.installation, reported("break_in"))
    await about_walt(world, WorkerSituationReported(worker_id=WALT, site_id=SITE, situation="unplanned"))
    await world.installation.quiet()
    assert (await opened(world.installation, STREAM)).trigger == "break_in"
    assert (await opened(world.installation, f"escalation-{WALT}")).trigger == "unplanned"
    page = await world.client.get(await world.page(LIZ))
    assert "A break-in is suspected: Walt Alone" in page.text


async def test_a_matter_of_safeguarding_runs_beside_and_the_list_goes_on_saying_the_gravest(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    await at_visit(world.installation, reported("safeguarding"))
    await world.installation.quiet()
    assert (await row(world))["trigger"] == "check_in_missed"
    shown = (await world.get(SUE, f"/escalations/{EPISODE}")).json()
    assert [(one["trigger"], one["ladder_no"]) for one in shown["triggers"]] == [
        ("check_in_missed", 1),
        ("safeguarding", 2),
    ]


async def test_whoever_is_named_only_later_finds_the_escalation_no_more(world: World) -> None:
    installation = world.installation
    stream_id = trouble_stream("checkin", VISIT)
    await record(installation, "checkin", stream_id, parked(VISIT), visit_id=VISIT, site_id=SITE)
    await installation.quiet()
    assert (await opened(installation, STREAM)).worker_id == UNKNOWN_WORKER
    granted = GrantGiven(site_id=SITE, worker_id=WALT, role=Role.SUPERVISOR)
    await record(installation, "checkin", f"grant-{SITE}", granted, site_id=SITE)
    assert (await world.get(WALT, f"/escalations/{EPISODE}")).status_code == 200
    await plan(installation)
    await help_at_visit(installation)
    await installation.quiet()
    assert (await row(world))["worker_id"] == WALT
    assert (await world.get(WALT, f"/escalations?site_id={SITE}")).json() == {"escalations": []}
    assert (await world.get(WALT, f"/escalations/{EPISODE}")).status_code == 404


async def test_a_task_of_which_nobody_could_be_told_is_offered_to_the_next_at_once(tasked: World) -> None:
    for number in (1, 2):
        told = NotReached(
            notification_id=f"{EPISODE}.{number}",
            recipient_id=SUE,
            escalation_id=EPISODE,
            kind="step",
            ladder_no=1,
            step=1,
            reason="no_contact_point",
        )
        stream_id = f"notification-{EPISODE}.{number}"
        await record(tasked.installation, "notifier", stream_id, told, visit_id=VISIT, site_id=SITE)
    await tasked.installation.quiet()
    passed = [one.event for one in await tasked.installation.history(STREAM)][-1]
    assert isinstance(passed, TaskPassedOn)
    assert (passed.reason, [ask.worker_id for ask in passed.asks]) == ("reached_nobody", [LIZ])
    beyond = NotReached(
        notification_id=passed.asks[0].notification_id,
        recipient_id=LIZ,
        escalation_id=EPISODE,
        kind="task",
        ladder_no=1,
        step=1,
        reason="no_contact_point",
    )
    stream_id = f"notification-{beyond.notification_id}"
    await record(tasked.installation, "notifier", stream_id, beyond, visit_id=VISIT, site_id=SITE)
    await tasked.installation.quiet()
    assert (await tasked.types())[-2:] == ["step_reached_nobody", "step_started"]


async def test_the_operator_too_finds_no_escalation_about_themselves(world: World) -> None:
    await record(
        world.installation,
        "checkin",
        f"worker-{OLGA}",
        WorkerSituationReported(worker_id=OLGA, site_id=SITE, situation="unplanned"),
        site_id=SITE,
    )
    await world.installation.quiet()
    first = await opened(world.installation, f"escalation-{OLGA}")
    assert isinstance(first, EscalationOpened)
    assert (await world.get(OLGA, "/escalations")).json() == {"escalations": []}
    answered = await world.get(OLGA, f"/escalations/{OLGA}.1")
    assert (answered.status_code, answered.json()["code"]) == (404, "escalation_unknown")
