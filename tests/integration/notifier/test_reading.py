"""Who may see whom notifier told, what they see, and what nobody sees."""

from typing import Any

import httpx2
import pytest
from prometheus_client import generate_latest

from shared.contracts.awaited import ReminderDue
from shared.contracts.grants import GrantGiven, GrantWithdrawn
from shared.contracts.roles import Role
from shared.contracts.visits import VisitStarted
from shared.runtime.telemetry import REGISTRY
from tests.integration.notifier.conftest import EPISODE, FIRST, SECRET, VISIT, World, acknowledged, opened
from tests.support.history import NAMES, OLGA, SAM, SITE, SUE, WALT, record, token_of
from tests.support.services import bearer


async def read(client: httpx2.AsyncClient, worker_id: str, **query: Any) -> httpx2.Response:
    return await client.get("/notifier/notifications", params=query, headers=bearer(token_of(worker_id)))


async def told(world: World) -> int:
    """Let Sue be told by two ways, of which the mail fails, and Sam by none. Return how far the log is."""
    await world.can_be_reached(SUE, "mail", "webhook")
    world.mail.behaviour = "refuse_for_good"
    await world.escalates(*await opened(world, SUE, SAM))
    await world.ended("attempt_failed", "attempt_accepted")
    return (await world.installation.history())[-1].position


async def test_a_list_shows_each_message_with_its_state_and_its_attempts(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    position = await told(world)
    answer = await read(notifier, OLGA, escalation_id=EPISODE, at_least=position)
    sue, sam = answer.json()["notifications"]
    assert (sue["notification_id"], sue["recipient_id"], sue["kind"], sue["step"]) == (FIRST, SUE, "step", 1)
    assert (sue["visit_id"], sue["worker_id"], sue["not_reached"]) == (VISIT, WALT, None)
    mail, hook = sue["messages"]
    assert (mail["state"], hook["state"]) == ("failed", "accepted")
    assert [(one["attempt"], one["outcome"], one["reason"]) for one in mail["attempts"]] == [(1, "failed", "smtp_550")]
    assert [(one["attempt"], one["outcome"]) for one in hook["attempts"]] == [(1, "accepted")]
    assert (sam["not_reached"], sam["messages"]) == ("no_contact_point", [])
    by_visit = await read(notifier, OLGA, visit_id=VISIT, at_least=position)
    assert by_visit.status_code == 404  # checkin's stream of this visit does not exist
    single = await notifier.get(f"/notifier/notifications/{FIRST}", headers=bearer(token_of(SUE)))
    assert single.json() == sue


async def test_a_withdrawn_notification_says_why(world: World, notifier: httpx2.AsyncClient) -> None:
    await world.can_be_reached(SUE, "mail")
    await world.escalates(*await opened(world, SUE), await acknowledged(world))
    *_, withdrawn = await world.outcome("queued", "withdrawn")
    answer = await read(notifier, SUE, escalation_id=EPISODE, at_least=withdrawn.position)
    (found,) = answer.json()["notifications"]
    assert (found["withdrawn"], found["messages"][0]["state"]) == ("acknowledged", "withdrawn")


async def test_only_whoever_reads_at_the_site_sees_its_notifications(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    await told(world)
    assert (await read(notifier, SUE, escalation_id=EPISODE)).status_code == 200
    await record(
        world.installation,
        "checkin",
        "grant-north",
        GrantWithdrawn(site_id="north", worker_id=SUE, role=Role.SUPERVISOR),
    )
    await record(
        world.installation, "checkin", "grant-south", GrantGiven(site_id="south", worker_id=SUE, role=Role.SUPERVISOR)
    )
    for path in (f"/notifier/notifications?escalation_id={EPISODE}", f"/notifier/notifications/{FIRST}"):
        assert (await notifier.get(path)).status_code == 401
        assert (await notifier.get(path, headers=bearer(token_of(SUE)))).status_code == 403


async def test_the_worker_concerned_is_shown_nothing_of_it_whatever_roles_they_hold(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    position = await told(world)
    due_at = await world.installation.clock.now()
    started = VisitStarted(visit_id=VISIT, dynamic_assessment={}, due_at=due_at)
    reminded = ReminderDue(visit_id=VISIT, worker_id=WALT, reminder_id="visit1.r1", occasion="before", due_at=due_at)
    await record(world.installation, "checkin", f"visit-{VISIT}", started, reminded, visit_id=VISIT, site_id=SITE)
    await world.outcome("queued", "not_reached", notification_id="visit1.r1")
    single = f"/notifier/notifications/{FIRST}"
    for expected in ([(403, "forbidden")] * 2, [(404, "escalation_unknown"), (404, "notification_unknown")]):
        of_episode = await read(notifier, WALT, escalation_id=EPISODE)
        answer = await notifier.get(single, headers=bearer(token_of(WALT)))
        assert [(one.status_code, one.json()["code"]) for one in (of_episode, answer)] == expected
        given = GrantGiven(site_id=SITE, worker_id=WALT, role=Role.SUPERVISOR)
        await record(world.installation, "checkin", f"grant-{SITE}", given)
    listed = (await read(notifier, WALT, visit_id=VISIT, at_least=position)).json()["notifications"]
    assert [one["notification_id"] for one in listed] == ["visit1.r1"]
    others = (await read(notifier, SUE, visit_id=VISIT, at_least=position)).json()["notifications"]
    assert [one["notification_id"] for one in others] == [FIRST, f"{EPISODE}.2", "visit1.r1"]


async def test_whoever_may_not_look_learns_by_no_answer_whether_there_is_anything(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    async def asked() -> list[tuple[int, str]]:
        paths = (f"?escalation_id={EPISODE}", f"/{FIRST}", f"?escalation_id={VISIT}.9", f"/{VISIT}.9.1", f"/{WALT}.1.1")
        answers = [
            await notifier.get(f"/notifier/notifications{path}", headers=bearer(token_of(WALT))) for path in paths
        ]
        return [(answer.status_code, answer.json()["code"]) for answer in answers]

    planned = ReminderDue(
        visit_id=VISIT,
        worker_id=WALT,
        reminder_id="visit1.r1",
        occasion="before",
        due_at=await world.installation.clock.now(),
    )
    await record(world.installation, "checkin", f"visit-{VISIT}", planned, visit_id=VISIT, site_id=SITE)
    before = await asked()
    await told(world)
    assert await asked() == before


async def test_what_does_not_exist_is_said_to_be_unknown(notifier: httpx2.AsyncClient) -> None:
    for query, status, code in (
        ({}, 422, "invalid"),
        ({"visit_id": "nowhere"}, 404, "visit_unknown"),
        ({"escalation_id": "nowhere.1"}, 404, "escalation_unknown"),
        ({"escalation_id": "../etc"}, 422, "invalid"),
    ):
        answer = await read(notifier, OLGA, **query)
        assert (answer.status_code, answer.json()["code"]) == (status, code), query
    single = await notifier.get("/notifier/notifications/nothing", headers=bearer(token_of(OLGA)))
    assert (single.status_code, single.json()["code"]) == (404, "notification_unknown")


async def test_the_start_page_tells_whoever_came_upon_it_what_this_is(notifier: httpx2.AsyncClient) -> None:
    page = await notifier.get("/notifier/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>Lonewatch notifier</h1>" in page.text


async def test_no_name_address_or_secret_stands_in_the_log_the_lines_the_metrics_or_the_list(
    world: World, notifier: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    position = await told(world)
    listed = await read(notifier, OLGA, escalation_id=EPISODE, at_least=position)
    records = await world.installation.admin.fetch("SELECT record FROM log.event")
    written = capsys.readouterr()
    places = {
        "the log": b"".join(row["record"] for row in records).decode(),
        "the lines": written.out + written.err,
        "the metrics": generate_latest(REGISTRY).decode(),
        "the list": listed.text,
    }
    assert "start_attempt" in places["the lines"]
    personal = {*NAMES.values(), "sue@home.example", world.webhook.url, SECRET, "escalation/e/"}
    assert [(place, one) for place, text in places.items() for one in personal if one in text] == []
