"""Who may answer a message, and what an answer leaves: only the contact point that it went to, and only one event."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from standardwebhooks.webhooks import Webhook as Signature

from shared.contracts.notifications import ReplyReceived
from tests.integration.notifier.conftest import EPISODE, FIRST, RETRY, SECRET, VISIT, World, opened, resolved
from tests.support.history import SITE, SUE
from tests.support.sinks import arrivals

HOOK, MAIL = f"{FIRST}.sue-webhook", f"{FIRST}.sue-mail"
OTHER_SECRET = "whsec_b3RoZXJzZWNyZXRvdGhlcnNlY3JldA"


def body(message_id: str = HOOK, **more: Any) -> str:
    return json.dumps({"type": "reply", "data": {"message_id": message_id, "reply": "acknowledge"}, **more})


async def send(
    client: httpx2.AsyncClient,
    content: str,
    secret: str = SECRET,
    webhook_id: str = "reply-1",
    age: timedelta = timedelta(0),
) -> httpx2.Response:
    """Post a reply signed with a secret."""
    at = datetime.now(UTC) - age  # noqa: TID251 -- the verifying library compares with the machine's clock
    headers = {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Signature(secret).sign(webhook_id, at, content),
    }
    return await client.post("/notifier/replies", content=content, headers=headers)


def not_taken(answered: httpx2.Response) -> str:
    """Return why a reply was not taken."""
    assert answered.json()["taken"] is False
    return str(answered.json()["why"])


async def told(world: World) -> None:
    """Let Sue be told by mail and webhook."""
    await world.can_be_reached(SUE, "mail", "webhook")
    await world.escalates(*await opened(world, SUE))
    await arrivals(world.webhook, 1)


async def replies(world: World) -> list[Any]:
    return [found for found in await world.installation.history() if isinstance(found.event, ReplyReceived)]


async def test_a_signed_reply_is_one_event_of_whoever_was_asked(world: World, notifier: httpx2.AsyncClient) -> None:
    await told(world)
    answered = await send(notifier, body())
    (reply,) = await replies(world)
    assert answered.status_code == 200
    assert answered.json()["position"] == reply.position
    assert (answered.json()["taken"], answered.json()["why"]) == (True, None)
    assert reply.event == ReplyReceived(
        notification_id=FIRST, message_id=HOOK, recipient_id=SUE, escalation_id=EPISODE, reply="acknowledge"
    )
    assert (reply.envelope.actor, reply.envelope.visit_id, reply.envelope.site_id) == (SUE, VISIT, SITE)


async def test_a_reply_sent_again_is_answered_as_the_first_time(world: World, notifier: httpx2.AsyncClient) -> None:
    await told(world)
    first, again = await send(notifier, body()), await send(notifier, body())
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert len(await replies(world)) == 1


async def test_a_further_reply_counts_for_the_first_may_have_run_out(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    await told(world)
    await send(notifier, body())
    further = await send(notifier, body(), webhook_id="reply-2")
    assert (further.status_code, further.json()["taken"]) == (200, True)
    assert len(await replies(world)) == 2


async def test_a_reply_after_the_end_is_answered_with_why_it_changes_nothing(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    await told(world)
    await world.escalates(resolved())
    answered = await send(notifier, body())
    assert (answered.status_code, not_taken(answered)) == (200, "escalation_ended")
    assert await replies(world) == []


async def test_a_reply_to_what_asks_for_no_answer_is_answered_with_that(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    await world.can_be_reached(SUE, "webhook")
    await world.escalates(*await opened(world), resolved(SUE))
    (call,) = await arrivals(world.webhook, 1)
    answered = await send(notifier, body(call["body"]["data"]["message_id"]))
    assert (answered.status_code, not_taken(answered)) == (200, "asks_for_no_answer")
    assert await replies(world) == []


async def test_whoever_holds_the_contact_point_that_a_message_went_to_instead_may_answer_it(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    await world.can_be_reached(SUE, "mail")
    world.mail.behaviour = "refuse_for_now"
    await world.escalates(*await opened(world, SUE))
    await world.outcome("queued", "attempt_started", "attempt_failed")
    await world.can_be_reached(SUE, "webhook")
    assert (await send(notifier, body(MAIL))).status_code == 401, "nothing went there yet"
    await world.installation.clock.forward(RETRY)
    await arrivals(world.webhook, 1)
    answered = await send(notifier, body(MAIL))
    assert (answered.status_code, answered.json()["taken"]) == (200, True)
    (reply,) = await replies(world)
    assert reply.event.message_id == MAIL


async def test_whoever_signs_for_a_contact_point_that_was_taken_away_answers_nothing(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    await told(world)
    await world.can_be_reached(SUE, "mail")
    assert (await send(notifier, body())).status_code == 401
    assert await replies(world) == []


async def test_an_id_that_was_used_for_another_reply_is_refused(world: World, notifier: httpx2.AsyncClient) -> None:
    await told(world)
    await send(notifier, body())
    refused = await send(notifier, body(timestamp="2026-03-02T14:05:00Z"))
    assert (refused.status_code, refused.json()["code"]) == (409, "other_content")


async def test_a_forged_reply_is_refused_in_the_same_words_whether_or_not_the_message_exists(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    await told(world)
    refused = [
        await send(notifier, body(), secret=OTHER_SECRET),
        await send(notifier, body("no.such.message"), secret=OTHER_SECRET),
        await send(notifier, body("nothing"), secret=SECRET),
        await send(notifier, body(f"{FIRST}.sue-mail"), secret=SECRET),
        await send(notifier, body(), age=timedelta(minutes=6)),
        await send(notifier, body(), age=timedelta(minutes=-6)),
    ]
    at = refused[0].request.headers["webhook-timestamp"]
    for signature in (
        {},
        {"webhook-timestamp": at},
        {"webhook-timestamp": at, "webhook-signature": "v1"},
        {"webhook-timestamp": at, "webhook-signature": "v1,%%%"},
        {"webhook-timestamp": at, "webhook-signature": "v1a,AAAA"},
        {"webhook-timestamp": "yesterday", "webhook-signature": "v1,AAAA"},
    ):
        headers = {"content-type": "application/json", "webhook-id": "reply-1"} | signature
        refused.append(await notifier.post("/notifier/replies", content=body(), headers=headers))
    assert {answer.status_code for answer in refused} == {401}
    assert len({answer.text for answer in refused}) == 1
    assert refused[0].json()["code"] == "signature_invalid"
    assert await replies(world) == []


async def test_a_reply_finds_its_message_where_the_ids_were_too_long_to_be_joined(
    world: World, notifier: httpx2.AsyncClient
) -> None:
    long = "n" * 90
    await world.can_be_reached(long, "webhook")
    await world.escalates(*await opened(world, long))
    (call,) = await arrivals(world.webhook, 1)
    await world.installation.quiet()
    message_id = call["body"]["data"]["message_id"]
    assert "." not in message_id
    assert (await send(notifier, body(message_id))).status_code == 200
    assert len(await replies(world)) == 1
