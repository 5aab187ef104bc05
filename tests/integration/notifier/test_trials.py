"""The test alarm: who may send one, what arrives, and that its one button says that it did."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from shared.contracts.notifications import ReplyReceived
from tests.integration.notifier.conftest import PUBLIC_URL, World
from tests.support.history import LIZ, SAM, SITE, SUE, WALT, token_of
from tests.support.services import bearer
from tests.support.sinks import arrivals

ALARMS = "/notifier/test-alarms"


@asynccontextmanager
async def asking(world: World, worker_id: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client by which somebody asks a notifier at work."""
    async with world.installation.service("notifier", token=token_of(worker_id), **world.settings) as client:
        yield client


async def sent(client: httpx2.AsyncClient, recipient_id: str, key: str = "k1") -> httpx2.Response:
    return await client.post(ALARMS, json={"recipient_id": recipient_id}, headers={"Idempotency-Key": key})


async def read(client: httpx2.AsyncClient, notification_id: str, position: int = 0) -> dict[str, Any]:
    response = await client.get(f"{ALARMS}/{notification_id}", params={"at_least": position})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_test_alarm_comes_by_every_way_and_its_one_button_says_that_it_reached_the_person(world: World) -> None:
    await world.can_be_reached(SAM, "mail", "webhook")
    async with asking(world, SUE) as client:
        response = await sent(client, SAM)
        assert response.status_code == 201
        notification_id = response.json()["notification_id"]
        (mail,), (call,) = await arrivals(world.mail, 1), await arrivals(world.webhook, 1)
        assert mail["subject"] == "Lonewatch: a test. Did it reach you?"
        link = call["body"]["data"]["link"]
        assert link in mail["body"]
        page = link.removeprefix(PUBLIC_URL)
        await world.installation.quiet()
        assert (await read(client, notification_id))["reached_at"] is None

        shown = await client.get(page)
        assert (shown.status_code, "It reached me" in shown.text) == (200, True)
        thanked = await client.post(page)
        assert (thanked.status_code, "Thank you" in thanked.text) == (200, True)
        await client.post(page)  # pressed twice
        await world.installation.quiet()
        assert (await read(client, notification_id))["reached_at"] is not None
    history = await world.installation.history(f"notification-{notification_id}")
    replies = [found.event for found in history if isinstance(found.event, ReplyReceived)]
    assert [(reply.reply, reply.recipient_id, reply.escalation_id) for reply in replies] == [("reached", SAM, None)]
    assert {found.envelope.site_id for found in history} == {SITE}


async def test_the_same_request_again_sends_no_second_test(world: World) -> None:
    await world.can_be_reached(SAM, "mail")
    async with asking(world, SUE) as client:
        first, again = await sent(client, SAM), await sent(client, SAM)
        await world.installation.quiet()
    assert first.json()["notification_id"] == again.json()["notification_id"]
    assert len(world.mail.arrivals) == 1


async def test_everybody_may_test_whether_they_themselves_are_reached_and_read_it(world: World) -> None:
    await world.can_be_reached(WALT, "mail")
    async with asking(world, WALT) as client:
        response = await sent(client, WALT)
        assert response.status_code == 201
        await arrivals(world.mail, 1)
        await world.installation.quiet()
        found = await read(client, response.json()["notification_id"])
        assert [message["channel"] for message in found["messages"]] == ["mail"]


async def test_a_worker_may_not_send_a_test_to_somebody_else_nor_read_theirs(world: World) -> None:
    await world.can_be_reached(SUE, "mail")
    async with asking(world, WALT) as client:
        assert (await sent(client, SUE)).status_code == 403
        response = await client.post(ALARMS, json={"recipient_id": SUE}, headers=bearer(token_of(LIZ)))
        assert response.status_code == 201
        await world.installation.quiet()
        assert (await client.get(f"{ALARMS}/{response.json()['notification_id']}")).status_code == 403


async def test_a_test_to_somebody_without_a_contact_point_says_at_once_that_nobody_is_reached(world: World) -> None:
    async with asking(world, SUE) as client:
        response = await sent(client, SAM)
        assert (response.status_code, response.json()["messages"]) == (201, 0)
        await world.installation.quiet()
        found = await read(client, response.json()["notification_id"])
        assert (found["not_reached"], found["reached_at"]) == ("no_contact_point", None)
        types = await world.installation.types(f"notification-{response.json()['notification_id']}")
    assert types == ["notification.queued.v1", "notification.not_reached.v1"]


@pytest.mark.parametrize("wrong", ["code", "notification"])
async def test_a_link_that_is_not_whole_leads_to_a_page_that_says_so_and_records_nothing(
    world: World, wrong: str
) -> None:
    await world.can_be_reached(SAM, "mail")
    async with asking(world, SUE) as client:
        await sent(client, SAM)
        (mail,) = await arrivals(world.mail, 1)
        found = re.search(r"/notifier/t/(\S+)/(\S+)", mail["body"])
        assert found is not None
        page = f"/notifier/t/{found[1]}/0000000000000000" if wrong == "code" else f"/notifier/t/test-0/{found[2]}"
        for response in (await client.get(page), await client.post(page)):
            assert (response.status_code, "There is no such test" in response.text) == (404, True)
        await world.installation.quiet()
        types = await world.installation.types(f"notification-{found[1]}")
    assert "notification.reply_received.v1" not in types


async def test_what_does_not_exist_or_is_no_test_is_not_found(world: World) -> None:
    async with asking(world, SUE) as client:
        response = await sent(client, "nobody-of-ours")
        assert (response.status_code, response.json()["code"]) == (404, "recipient_unknown")
        response = await client.get(f"{ALARMS}/test-of-nobody")
        assert (response.status_code, response.json()["code"]) == (404, "notification_unknown")
