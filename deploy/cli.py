"""The ``lonewatch`` command. Every error says what was wrong and what to do next; ``--json`` ends in one JSON object."""

from __future__ import annotations

import asyncio
import math
import os
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from deploy import complete_cli, export_cli, parked_cli, topics_cli, verify_cli, watch_cli
from deploy.client import Client
from deploy.database import SERVICES
from deploy.demo import Wanted, play
from deploy.local.installation import installation, port_is_free
from deploy.local.kafka.carrier import carrier
from deploy.local.replicas import MOST_REPLICAS
from deploy.policy import cli as policy_cli
from deploy.story.choice import chosen
from deploy.terminal import HERE, STATE, Json, Token, Url, client, console, fail, print_json, run, say, until_stopped
from services.audit.domain import timeline_text

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(policy_cli.app, name="policy")
app.add_typer(parked_cli.app, name="parked")

PASSED_ON = ("LONEWATCH_SMTP_", "LONEWATCH_MAIL_", "LONEWATCH_HEARTBEAT_URL", "LONEWATCH_RING")
"""Beginnings of the settings that ``up`` hands to its services: how mail leaves this machine, who hears the heartbeat, whom to ring."""

app.command()(export_cli.export)
app.command()(verify_cli.verify)
app.command()(complete_cli.complete)
app.command()(watch_cli.doctor)
app.command()(watch_cli.status)
app.command()(topics_cli.topics)
app.command("test-alarm")(watch_cli.alarm_for_a_test)


@app.callback()
def lonewatch() -> None:
    """Watch over people who work alone."""


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Port of the front on 127.0.0.1.", min=1, max=65535)] = 8080,
    state: Annotated[Path, typer.Option(help="Folder for everything that is kept.", file_okay=False)] = STATE / "up",
    replicas: Annotated[int, typer.Option(help="Processes of every service.", min=1, max=MOST_REPLICAS)] = 1,
    as_json: Json = False,
) -> None:
    """Run PostgreSQL, the four services and the front on this machine until stopped."""
    if not port_is_free(port):
        fail(f"Port {port} of 127.0.0.1 is taken. Stop what listens there, or give another with --port.")
    run(_up(port, state, replicas, as_json=as_json), as_json=as_json)


@app.command()
def demo(
    policy: Annotated[str, typer.Option(help="stepping-stones, commence, or a copy of either.")] = "stepping-stones",
    speed: Annotated[float, typer.Option(help="How many times faster than the policy's own waits.", min=1)] = 60,
    port: Annotated[
        int, typer.Option(help="Port of the front; another is taken when it is in use.", min=1, max=65535)
    ] = 8080,
    leave: Annotated[bool, typer.Option("--exit", help="End when the story has ended.")] = False,
    bundle: Annotated[
        Path | None, typer.Option(help="Write the bundle of a visit that went wrong.", dir_okay=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Play a story in real time on real services: visits that end well, and visits that do not."""
    if not math.isfinite(speed):
        fail("The speed must be a number from 1 on, such as 60.")
    run(_demo(policy, speed, port, bundle, leave=leave, as_json=as_json), as_json=as_json)


@app.command()
def timeline(
    visit_id: Annotated[str, typer.Argument(help="Id of the visit.")],
    url: Url = HERE,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Tell what happened in a visit, what was expected and did not, and which clause required it."""
    run(_timeline(visit_id, url, token, as_json=as_json), as_json=as_json)


@app.command()
def call(
    method: Annotated[str, typer.Argument(help="GET, POST, PUT or DELETE.")],
    path: Annotated[str, typer.Argument(help="What to call, as /checkin/visits.")],
    body: Annotated[str, typer.Argument(help="JSON to send.")] = "{}",
    url: Url = HERE,
    token: Token = None,
) -> None:
    """Send one request, as any other program would, and print what is answered."""
    if method.upper() not in {"GET", "POST", "PUT", "DELETE"}:
        fail(f"The method must be GET, POST, PUT or DELETE, not {method!r}.")
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        fail(f"The body is not JSON ({error}). Put it in single quotes, with double quotes inside.")
    run(_call(method.upper(), path, content, url, token), as_json=True)


async def _call(method: str, path: str, content: Any, url: str, token: str | None) -> None:
    async with Client(url, token) as asking:
        print_json(await asking.ask(method, path, content))


async def _up(port: int, state: Path, replicas: int, *, as_json: bool) -> None:
    stopped = until_stopped()
    passed_on = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    by = await asyncio.to_thread(carrier, state, os.environ)
    async with installation(state, port=port, replicas=replicas, settings=passed_on, carrier=by, say=say) as running:
        console.print(f"Lonewatch runs at {running.url}.\nIts events are carried by {by.sentence}.")
        for service in SERVICES:
            console.print(f"  {running.url}/{service}/openapi.json")
        if running.first_administrator:
            console.print(f"The first administrator's token, shown only now. Keep it:\n  {running.first_administrator}")
        console.print("Stop it with Ctrl-C.")
        if as_json:
            print_json({"url": running.url, "first_administrator": running.first_administrator, "broker": by.broker})
        await stopped.wait()
        say("stopping")


async def _demo(policy: str, speed: float, port: int, bundle: Path | None, *, leave: bool, as_json: bool) -> None:
    wanted = Wanted(*chosen(policy), speed, bundle)
    stopped = until_stopped()
    stay = not leave and console.is_terminal
    story = asyncio.create_task(play(wanted, port, STATE / "demo", console, stopped, stay=stay))
    ended = asyncio.create_task(stopped.wait())
    await asyncio.wait({story, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not story.done():
        story.cancel()
        fail("The demo was stopped before its story had ended. Start it again with 'make demo'.")
    ended.cancel()
    report = story.result()
    if as_json:
        print_json(report)


async def _timeline(visit_id: str, url: str, token: str | None, *, as_json: bool) -> None:
    async with client(url, token) as asking:
        found = await asking.get(f"/audit/visits/{visit_id}/timeline")
    if as_json:
        print_json(found)
    else:
        console.print(timeline_text(found, width=console.width), markup=False)


def main() -> None:
    """Entry point of the ``lonewatch`` command."""
    app()
