"""When much goes wrong for one person: they learn of all of it soon, in few calls, each of which carries many."""

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from services.notifier.app import build
from services.notifier.domain import ATTEMPT_LASTS, NOTIFICATION, NotificationEvent
from services.notifier.domain.recipient import GAP, WITHIN
from shared.contracts.base import stream_of
from shared.contracts.notifications import (
    AttemptFailed,
    AttemptStarted,
    Message,
    NotificationKind,
    NotificationQueued,
    RecipientAttemptStarted,
)
from shared.runtime.log import Write
from shared.runtime.service import running
from tests.integration.notifier.conftest import (
    EPISODE,
    RETRY,
    STREAM,
    VISIT,
    World,
    acknowledged,
    asks,
    opened,
    opening_of,
)
from tests.support.history import SAM, SITE, SUE, WALT, record, record_all
from tests.support.sinks import Sink, arrivals
from tests.support.waiting import until

SECOND = timedelta(seconds=1)
MOST = 34
"""Calls to one person by one channel in a minute."""


async def many_go_wrong(world: World, count: int, *people: str) -> list[str]:
    """Let so many visits escalate in one commit, each telling these people; return the ids of all notifications."""
    writes, told = [], []
    for number in range(1, count + 1):
        opening, step = await opening_of(world, f"many{number}", *people)
        told += [ask.notification_id for ask in step.asks]
        writes.append(
            Write(stream_of("escalation", f"many{number}"), 0, [opening, step], visit_id=f"many{number}", site_id=SITE)
        )
    for first in range(0, len(writes), 200):
        await record_all(world.installation, "escalation", *writes[first : first + 200])
    return told


def learnt(sink: Sink) -> set[str]:
    """Return which notifications have arrived."""
    return {one for line in sink.arrivals for one in line["notifications"]}


async def all_learnt(sink: Sink, told: list[str], within: float = 20.0) -> None:
    async def all_of_them() -> bool:
        return learnt(sink) >= set(told)

    await until(all_of_them, within)


async def calls_to(world: World, person: str) -> list[RecipientAttemptStarted]:
    events = [found.event for found in await world.installation.history(stream_of("recipient", person))]
    return [event for event in events if isinstance(event, RecipientAttemptStarted)]


def most_in_a_minute(calls: list[RecipientAttemptStarted]) -> int:
    """Return the most calls by one channel in any minute."""
    starts = [call.started_at for call in calls if call.started_at is not None]
    assert len(starts) == len(calls)
    return max(sum(start - WITHIN < other <= start for other in starts) for start in starts)


async def test_of_four_hundred_notifications_in_a_second_a_person_learns_soon_and_in_few_calls(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    async with world.installation.service("notifier", token="nobody", **world.settings):
        told = await many_go_wrong(world, 400, SUE)
        await all_learnt(world.webhook, told)
        await world.installation.quiet()
    calls = await calls_to(world, SUE)
    assert most_in_a_minute(calls) <= MOST
    assert len(calls) == len(world.webhook.arrivals)
    queued = (await world.installation.history(stream_of("notification", told[0])))[0].recorded_at
    first = min(datetime.fromisoformat(line["at"]) for line in world.webhook.arrivals)
    assert first - queued < timedelta(seconds=3), "the first call waits for nobody"
    carried = [one for call in calls for one in call.notification_ids]
    assert sorted(carried) == sorted(told), "each is carried once"


async def test_a_bundle_lists_each_with_its_own_link_and_answers_to_its_own_message(world: World) -> None:
    await world.can_be_reached(SUE, "webhook", "mail")
    async with world.installation.service("notifier", token="nobody", **world.settings):
        told = await many_go_wrong(world, 6, SUE)
        await all_learnt(world.webhook, told)
        await all_learnt(world.mail, told)
    bundle = next(line for line in world.webhook.arrivals if len(line["notifications"]) > 1)
    data = bundle["body"]["data"]
    assert bundle["body"]["type"] == "lonewatch.notifications"
    assert bundle["headers"]["webhook-id"] == data["call_id"]
    links = [one["link"] for one in data["notifications"]]
    assert len(set(links)) == len(links) == len({one["message_id"] for one in data["notifications"]})
    assert all(one["reply"] and link in data["text"] for one, link in zip(data["notifications"], links, strict=True))
    mail = next(line for line in world.mail.arrivals if len(line["notifications"]) > 1)
    count = len(mail["notifications"])
    assert mail["subject"] == f"Lonewatch: {count} messages, the gravest: Walt Alone missed a check-in"
    assert mail["body"].count("/escalation/e/") == count
    assert json.loads(bundle["raw"]) == bundle["body"]


async def test_the_attempts_of_a_bundle_say_by_which_call_they_went(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    async with world.installation.service("notifier", token="nobody", **world.settings):
        await all_learnt(world.webhook, await many_go_wrong(world, 4, SUE))
        await world.installation.quiet()
    for call in await calls_to(world, SUE):
        bundled = len(call.notification_ids) > 1
        for notification_id in call.notification_ids:
            history = await world.installation.history(stream_of("notification", notification_id))
            (started,) = [found.event for found in history if isinstance(found.event, AttemptStarted)]
            assert started.call_id == (call.message_id if bundled else None)
            assert call.message_id == (started.call_id or f"{notification_id}.sue-webhook")


async def test_a_bundle_that_left_no_outcome_goes_again_as_the_same_set_under_the_same_id(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    world.webhook.behaviour = "hang"
    async with world.installation.service("notifier", token="nobody", **world.settings):
        told = await many_go_wrong(world, 30, SUE)
        await all_learnt(world.webhook, told)
        before = list(world.webhook.arrivals)
        world.webhook.behaviour = "accept"
        await world.installation.clock.forward(ATTEMPT_LASTS + RETRY)
        await arrivals(world.webhook, 2 * len(before))
        await world.installation.quiet()
    again = world.webhook.arrivals[len(before) :]
    assert ids(again) == ids(before)
    assert {line["headers"]["webhook-id"]: line["raw"] for line in again} == {
        line["headers"]["webhook-id"]: line["raw"] for line in before
    }


def ids(lines: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    return sorted((line["headers"]["webhook-id"], sorted(line["notifications"])) for line in lines)


async def test_one_that_was_acknowledged_meanwhile_does_not_go_again_with_the_others(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    world.webhook.behaviour = "refuse_for_now"
    async with world.installation.service("notifier", token="nobody", **world.settings):
        told = await many_go_wrong(world, 5, SUE)
        await all_learnt(world.webhook, told)
        await until(world.nothing_in_flight)
        bundle = max(world.webhook.arrivals, key=lambda line: len(line["notifications"]))["notifications"]
        taken = bundle[0]
        await world.escalates(await acknowledged(world, taken), visit_id=taken.partition(".")[0])
        world.webhook.behaviour = "accept"
        count = len(world.webhook.arrivals)
        await world.installation.clock.forward(RETRY)
        await world.ended("withdrawn", notification_id=taken)
        for notification_id in set(told) - {taken}:
            await world.ended("attempt_accepted", notification_id=notification_id)
    assert taken not in {one for line in world.webhook.arrivals[count:] for one in line["notifications"]}


async def test_what_a_dead_provider_refused_one_by_one_arrives_in_few_calls_once_it_lives(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    await world.escalates(*await opened(world))
    told = [ask.notification_id for ask in asks(*[SUE] * 30)]
    for notification_id in told:
        await tried_once(world, notification_id, "step")
    async with world.installation.service("notifier", token="nobody", **world.settings):
        await world.installation.clock.forward(RETRY)
        await all_learnt(world.webhook, told)
    assert len(await calls_to(world, SUE)) <= 3


async def test_two_replicas_hold_one_ceiling_and_tell_each_once(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    await world.can_be_reached(SAM, "webhook")
    other = world.installation.settings("notifier", replica="2", **world.settings)
    async with (
        world.installation.service("notifier", token="nobody", **world.settings),
        running("notifier", other, build),
    ):
        told = await many_go_wrong(world, 60, SUE, SAM)
        await all_learnt(world.webhook, told)
        await world.installation.quiet()
    for person in (SUE, SAM):
        calls = await calls_to(world, person)
        starts = sorted(call.started_at for call in calls if call.started_at is not None)
        assert all(later - earlier >= GAP for earlier, later in pairwise(starts))
        assert most_in_a_minute(calls) <= MOST
    assert sorted(one for line in world.webhook.arrivals for one in line["notifications"]) == sorted(told)


async def test_somebody_who_is_told_a_lot_holds_up_nobody_else(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    await world.can_be_reached(SAM, "mail")
    world.webhook.behaviour = "hang"
    async with world.installation.service("notifier", token="nobody", **world.settings):
        told = await many_go_wrong(world, 200, SUE)
        await arrivals(world.webhook, 1)
        (other,) = await many_go_wrong_for_another(world)
        await all_learnt(world.mail, [other], within=6)  # while the other call hangs for 15 s
        await all_learnt(world.webhook, told)
        await world.hang_up()


async def many_go_wrong_for_another(world: World) -> list[str]:
    opening, step = await opening_of(world, "other1", SAM)
    await world.escalates(opening, step, visit_id="other1")
    return [ask.notification_id for ask in step.asks]


async def test_repeats_stop_at_eight_calls_a_minute_and_those_of_an_exhausted_ladder_do_not(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    await world.escalates(*await opened(world))
    now = await world.installation.clock.now()
    step, exhausted = asks(SUE, SUE)
    await tried_once(world, step.notification_id, "step")
    await tried_once(world, exhausted.notification_id, "exhausted")
    calls = [call_at(now - (10 + number) * SECOND) for number in reversed(range(8))]
    await record(world.installation, "notifier", stream_of("recipient", SUE), *calls)
    async with world.installation.service("notifier", token="nobody", **world.settings):
        await world.installation.clock.forward(RETRY)
        await world.ended("attempt_accepted", notification_id=exhausted.notification_id)
        assert await world.kinds(step.notification_id) == ["queued", "attempt_started", "attempt_failed"]
        await world.installation.clock.forward(WITHIN)
        await world.ended("attempt_accepted", notification_id=step.notification_id)


async def tried_once(world: World, notification_id: str, kind: NotificationKind) -> None:
    """Record a notification to Sue whose first attempt the provider refused for now."""
    now = await world.installation.clock.now()
    message = Message(message_id=f"{notification_id}.sue-webhook", contact_point_id="sue-webhook", channel="webhook")
    events: list[NotificationEvent] = [
        NotificationQueued(
            notification_id=notification_id,
            recipient_id=SUE,
            kind=kind,
            asked_by=STREAM,
            escalation_id=EPISODE,
            ladder_no=1,
            step=None,
            trigger="check_in_missed",
            due_at=now,
            send_at=now,
            worker_id=WALT,
            messages=(message,),
        ),
        AttemptStarted(
            notification_id=notification_id,
            message_id=message.message_id,
            attempt=1,
            contact_point_id="sue-webhook",
            channel="webhook",
            unknown_at=now + ATTEMPT_LASTS,
        ),
        AttemptFailed(
            notification_id=notification_id,
            message_id=message.message_id,
            attempt=1,
            reason="http_503",
            retry_at=now + RETRY,
        ),
    ]
    due = NOTIFICATION.deadlines(NOTIFICATION.fold(events))
    stream_id = stream_of("notification", notification_id)
    await record_all(world.installation, "notifier", Write(stream_id, 0, events, due, visit_id=VISIT, site_id=SITE))


def call_at(started_at: datetime) -> RecipientAttemptStarted:
    return RecipientAttemptStarted(
        recipient_id=SUE,
        message_id="of-another",
        notification_ids=("of-another",),
        attempt=1,
        channel="webhook",
        started_at=started_at,
    )
