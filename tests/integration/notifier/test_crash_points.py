"""A notifier that ends at any named point between the start and the outcome of an attempt: the story ends the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx2
import pytest

from services.notifier.application import Caller, Composer, Messages, People, Sender, Starter, TimingOut
from services.notifier.application.crash import CRASH_POINTS, crash_at, nothing
from services.notifier.channels.webhook import Webhook
from services.notifier.domain import ATTEMPT_LASTS, NOTIFICATION
from shared.contracts.base import stream_of
from shared.contracts.notifications import AttemptStarted, Message, NotificationQueued
from shared.runtime.deadlines import Due
from shared.runtime.log import Write
from tests.integration.notifier.conftest import PUBLIC_URL, RETRY, World, opening_of
from tests.integration.notifier.test_sending import idle
from tests.support.campaign import size
from tests.support.history import MINUTE, SITE, SUE, record_all

if TYPE_CHECKING:
    from services.notifier.application.crash import At
    from shared.runtime.service import Running

RUNS = size(30, 100)
BUNDLED = 3
"""Notifications of every second run; the others have one, which goes alone."""

# What is due of notifier's, as its clock would find it.
DUE_NOW = """
SELECT stream_id, kind, subject, due_at FROM log.deadline
WHERE topic = 'lonewatch.notifications.v1' AND due_at < log.now() ORDER BY due_at
"""


@dataclass
class Crash:
    """Ends a notifier at the n-th time of a point: whoever comes by stays there until it is cancelled."""

    point: str
    times: int = 1
    crashed: asyncio.Event = field(default_factory=asyncio.Event)

    async def at(self, point: str) -> None:
        self.times -= point == self.point
        if self.crashed.is_set() or (point == self.point and self.times == 0):
            self.crashed.set()
            await asyncio.Event().wait()


@dataclass
class Story:
    """Notifications to Sue that are told by one notifier after another on the same log."""

    world: World
    service: Running
    client: httpx2.AsyncClient
    number: int

    @property
    def notification_ids(self) -> list[str]:
        count = BUNDLED if self.number % 2 else 1
        return [f"story{self.number}-{part}.1.1" for part in range(count)]

    async def queued(self) -> None:
        """Let every notification be queued, in one commit, with nobody at work."""
        now = await self.world.installation.clock.now()
        asking, telling = [], []
        for notification_id in self.notification_ids:
            visit_id = notification_id.partition(".")[0]
            opening, step = await opening_of(self.world, visit_id, SUE)
            message = Message(
                message_id=f"{notification_id}.sue-webhook", contact_point_id="sue-webhook", channel="webhook"
            )
            event = NotificationQueued(
                notification_id=notification_id,
                recipient_id=SUE,
                kind="step",
                asked_by=stream_of("escalation", visit_id),
                escalation_id=f"{visit_id}.1",
                ladder_no=1,
                step=1,
                trigger="check_in_missed",
                due_at=now,
                send_at=now,
                worker_id=opening.worker_id,
                messages=(message,),
            )
            asked_by = stream_of("escalation", visit_id)
            asking.append(Write(asked_by, 0, [opening, step], visit_id=visit_id, site_id=SITE))
            stream_id = stream_of("notification", notification_id)
            due = NOTIFICATION.deadlines(NOTIFICATION.fold([event]))
            telling.append(Write(stream_id, 0, [event], due, visit_id=visit_id, site_id=SITE))
        await record_all(self.world.installation, "escalation", *asking)
        await record_all(self.world.installation, "notifier", *telling)

    async def runs(self, at: At, crashed: asyncio.Event | None = None) -> None:
        """Let a new notifier do what is due, until nothing is or it has crashed; then nothing of it is left."""
        composer = Composer(self.service.keyring, People(self.service.commands), Messages(), PUBLIC_URL)
        caller = Caller(self.service.commands, composer, {"webhook": Webhook(self.client)}, timedelta(seconds=10), at)
        sender = Sender(
            self.service.commands,
            Starter(self.service.commands, composer, at),
            caller,
            TimingOut(self.service.commands),
            set(),
        )
        for row in await self.world.installation.admin.fetch(DUE_NOW):
            due = Due(*row)
            await (sender.hand_over(due) if due.kind == "send" else sender.time_out(due))
        ended = asyncio.create_task(crashed.wait()) if crashed is not None else None
        while sender.tasks and not (ended and ended.done()):
            await asyncio.wait([*sender.tasks, *([ended] if ended else [])], return_when=asyncio.FIRST_COMPLETED)
        rest = [*sender.tasks, *([ended] if ended else [])]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def ends_the_same(self) -> None:
        """Hold the story to its end: told, each call recorded before, and under one id."""
        lines = [
            line for line in self.world.webhook.arrivals if set(line["notifications"]) & set(self.notification_ids)
        ]
        assert {one for line in lines for one in line["notifications"]} == set(self.notification_ids)
        assert len({line["headers"]["webhook-id"] for line in lines}) == 1
        assert len({line["raw"] for line in lines}) == 1
        for notification_id in self.notification_ids:
            history = await self.world.installation.history(stream_of("notification", notification_id))
            attempts = [found.event for found in history if isinstance(found.event, AttemptStarted)]
            assert len(attempts) >= len(lines) >= 1
            assert {attempt.call_id or attempt.message_id for attempt in attempts} == {
                line["headers"]["webhook-id"] for line in lines
            }
            assert (await self.world.kinds(notification_id))[-1] == "attempt_accepted"
        assert not await self.world.installation.admin.fetch(DUE_NOW)


async def test_notifiers_that_crash_one_after_another_between_start_and_outcome_leave_everybody_told(
    world: World,
) -> None:
    await world.can_be_reached(SUE, "webhook")
    async with idle(world) as service, httpx2.AsyncClient() as client:
        for number in range(RUNS):
            point = CRASH_POINTS[number % len(CRASH_POINTS)]
            story, crash = Story(world, service, client, number), Crash(point)
            await story.queued()
            await story.runs(crash.at, crash.crashed)
            assert crash.crashed.is_set(), f"nobody came by {point}"
            await world.installation.clock.forward(ATTEMPT_LASTS)
            await story.runs(nothing)
            await world.installation.clock.forward(RETRY)
            await story.runs(nothing)
            await story.ends_the_same()
            await world.installation.clock.forward(MINUTE)


async def test_a_notifier_that_crashes_twice_at_one_story_leaves_everybody_told(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    async with idle(world) as service, httpx2.AsyncClient() as client:
        story = Story(world, service, client, 1)
        await story.queued()
        for point in ("after_start", "after_call"):
            crash = Crash(point)
            await story.runs(crash.at, crash.crashed)
            await world.installation.clock.forward(ATTEMPT_LASTS)
            await story.runs(nothing)
            await world.installation.clock.forward(MINUTE)
        await story.runs(nothing)
        await story.ends_the_same()


async def test_without_a_setting_nothing_crashes_and_an_unknown_point_is_refused() -> None:
    assert crash_at(None) is nothing
    for point in CRASH_POINTS:
        await crash_at(None)(point)
        await crash_at(f"{point}:2")(point)  # the first of two times passes
    with pytest.raises(ValueError, match="no crash point"):
        crash_at("in_between")
