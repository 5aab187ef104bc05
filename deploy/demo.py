"""The demo: a whole installation for an hour, a story in real time, and what the log says of it afterwards.

No fake clock: ``--speed`` makes a scaled copy of the policy, and nothing else knows of it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx2

from deploy.client import Client
from deploy.database import ROOT
from deploy.local.installation import Installation, free_port, installation, port_is_free
from deploy.local.kafka.carrier import carrier
from deploy.local.kafka.configuration import single
from deploy.local.kafka.node import kill as kill_kafka
from deploy.local.postgres import stop as stop_postgres
from deploy.sinks import MailSink, WebhookSink
from deploy.story import Arrival, Story
from services.audit.domain import timeline_text

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

POLICY = ROOT / "policies" / "stepping-stones.toml"
"""The policy that the demo carries out."""

STORY_WITHIN = 110.0
"""Seconds after which the demo gives up its story and fails: at the usual speed it takes less than one minute."""

SETTLED_WITHIN = 10.0
"""Seconds for the last all-clear to be handed over; usually less than one."""

_LOOK_EVERY = 0.3


class StoryError(RuntimeError):
    """The demo's story did not end as it should; the message says where to look."""


async def play(
    speed: float, port: int, state: Path, console: Console, stopped: asyncio.Event, *, stay: bool
) -> dict[str, Any]:
    """Play the story and return the report. ``stay`` keeps everything running afterwards until ``stopped``."""
    await asyncio.to_thread(_clear, state)
    if not port_is_free(port):
        port = free_port()
    arrivals: list[Arrival] = []

    def say(what: str) -> None:
        console.print(f"[dim]{datetime.now(UTC):%H:%M:%S}[/dim]  {what}")

    def arrived(arrival: Arrival) -> None:
        arrivals.append(arrival)
        console.print(
            f"[dim]{arrival.arrived_at:%H:%M:%S}[/dim]  [bold]{arrival.channel}[/bold] to {arrival.to}: {arrival.text.splitlines()[0]}"
        )

    async with AsyncExitStack() as stack:
        mail = await stack.enter_async_context(
            MailSink(state / "mail.jsonl", arrived=lambda one: arrived(Arrival.of_mail(one)))
        )
        webhook = await stack.enter_async_context(
            WebhookSink(state / "webhooks.jsonl", arrived=lambda one: arrived(Arrival.of_webhook(one)))
        )
        by = await asyncio.to_thread(carrier, state, os.environ)
        settings = {"LONEWATCH_SMTP_HOST": mail.host, "LONEWATCH_SMTP_PORT": str(mail.port)}
        running = await stack.enter_async_context(
            installation(state, port=port, settings=settings, carrier=by, say=lambda what: say(f"[dim]{what}[/dim]"))
        )
        say(f"Lonewatch runs at {running.url}")
        say(f"Its events are carried by {by.sentence}")
        if running.first_administrator is None:
            raise RuntimeError(
                "the demo's installation has an administrator already; remove its folder and start again"
            )
        story = Story(running.url, running.first_administrator, speed, "example.org", webhook.url, arrivals, say)
        stack.push_async_callback(story.close)
        policy = await story.prepare(POLICY)
        say(f"{policy.title} is adopted: every wait of the policy is divided by {speed:g}, nothing else is changed")
        try:
            async with asyncio.timeout(STORY_WITHIN * max(1.0, 60 / speed)):
                await story.play()
        except (TimeoutError, httpx2.HTTPError) as error:
            raise StoryError(
                f"The story did not come to its end ({type(error).__name__}). Why stands in {state / 'logs'}."
            ) from None
        report = {"broker": by.broker, **await _report(running, story, console)}
        if stay:
            console.print(f"\nHave a look at {running.url}. Stop it with Ctrl-C.")
            await stopped.wait()
        return report


async def _report(running: Installation, story: Story, console: Console) -> dict[str, Any]:
    """Print the timelines and how fast the first message was handed over; return what ``--json`` prints."""
    escalations = []
    async with Client(running.url, running.first_administrator) as client:
        for visit_id in story.visits:
            found = await _settled(client, visit_id)
            console.print()
            console.print(timeline_text(found, width=min(console.width, 160)), markup=False)
            escalations += [
                {"id": one.pop("escalation_id"), "visit_id": visit_id, **one} for one in found["summary"]["escalations"]
            ]
    console.print()
    for one in escalations:
        since = datetime.fromisoformat(one["due_at"] or one["opened_at"])
        took = (datetime.fromisoformat(one["first_attempt_at"]) - since).total_seconds()
        of = "the deadline" if one["due_at"] else "the call for help"
        console.print(f"{one['trigger']}: first message handed over {took:.2f} s after {of}")
    connection = await asyncpg.connect(running.dsn(), ssl=False)
    try:
        positions = await connection.fetchval("SELECT position FROM log.head")
    finally:
        await connection.close()
    visits = [{"id": visit_id, "outcome": outcome} for visit_id, outcome in story.visits.items()]
    return {"visits": visits, "escalations": escalations, "positions": positions}


async def _settled(client: Client, visit_id: str) -> dict[str, Any]:
    """Return the timeline of an ended visit as soon as nothing that was expected in it is open."""
    loop = asyncio.get_running_loop()
    until = loop.time() + SETTLED_WITHIN
    while True:
        found: dict[str, Any] = await client.get(f"/audit/visits/{visit_id}/timeline")
        if loop.time() > until or not any(line["outcome"] == "open" for line in found["lines"]):
            return found
        await asyncio.sleep(_LOOK_EVERY)


def _clear(state: Path) -> None:
    """Remove what an earlier demo left, its PostgreSQL and Kafka included."""
    if (state / "postgres").exists():
        stop_postgres(state / "postgres", mode="immediate")
    if (state / "kafka").exists():
        kill_kafka(single(state / "kafka", state / "logs" / "kafka.log"))
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
