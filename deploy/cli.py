"""The ``lonewatch`` command. Every error says what was wrong and what to do next; ``--json`` ends in one JSON object."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console

from deploy import policy_cli
from deploy.client import Client, RefusedError
from deploy.database import ROOT
from deploy.demo import StoryError, play
from deploy.local.installation import NotReadyError, installation, port_is_free
from deploy.local.postgres import PostgresError
from deploy.local.replicas import MOST_REPLICAS
from deploy.policy_files import PolicyError
from services.audit.domain import timeline_text

if TYPE_CHECKING:
    from collections.abc import Coroutine

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(policy_cli.app, name="policy")

STATE = Path(os.environ.get("LONEWATCH_STATE", ROOT / "var"))
"""Where installations of this machine keep what they must not lose."""

PASSED_ON = ("LONEWATCH_SMTP_", "LONEWATCH_MAIL_", "LONEWATCH_HEARTBEAT_URL", "LONEWATCH_RING")
"""Beginnings of the settings that ``up`` hands to its services: how mail leaves this machine, who hears the heartbeat, whom to ring."""

_console = Console(highlight=False, soft_wrap=True)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


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
        _fail(f"Port {port} of 127.0.0.1 is taken. Stop what listens there, or give another with --port.")
    _run(_up(port, state, replicas, as_json=as_json), as_json=as_json)


@app.command()
def demo(
    speed: Annotated[float, typer.Option(help="How many times faster than the policy's own waits.", min=1)] = 60,
    port: Annotated[
        int, typer.Option(help="Port of the front; another is taken when it is in use.", min=1, max=65535)
    ] = 8080,
    leave: Annotated[bool, typer.Option("--exit", help="End when the story has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Play a story in real time on real services: one visit ends well, one is missed, one worker asks for help."""
    if not math.isfinite(speed):
        _fail("The speed must be a number from 1 on, such as 60.")
    _run(_demo(speed, port, leave=leave, as_json=as_json), as_json=as_json)


@app.command()
def timeline(
    visit_id: Annotated[str, typer.Argument(help="Id of the visit.")],
    url: Annotated[str, typer.Option(envvar="LONEWATCH_URL", help="Address of Lonewatch.")] = "http://127.0.0.1:8080",
    token: Annotated[str | None, typer.Option(envvar="LONEWATCH_TOKEN", help="Your bearer token.")] = None,
    as_json: Json = False,
) -> None:
    """Tell what happened in a visit, what was expected and did not, and which clause required it."""
    _run(_timeline(visit_id, url, token, as_json=as_json), as_json=as_json)


@app.command()
def call(
    method: Annotated[str, typer.Argument(help="GET, POST, PUT or DELETE.")],
    path: Annotated[str, typer.Argument(help="What to call, as /checkin/visits.")],
    body: Annotated[str, typer.Argument(help="JSON to send.")] = "{}",
    url: Annotated[str, typer.Option(envvar="LONEWATCH_URL", help="Address of Lonewatch.")] = "http://127.0.0.1:8080",
    token: Annotated[str | None, typer.Option(envvar="LONEWATCH_TOKEN", help="Your bearer token.")] = None,
) -> None:
    """Send one request, as any other program would, and print what is answered."""
    if method.upper() not in {"GET", "POST", "PUT", "DELETE"}:
        _fail(f"The method must be GET, POST, PUT or DELETE, not {method!r}.")
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        _fail(f"The body is not JSON ({error}). Put it in single quotes, with double quotes inside.")
    _run(_call(method.upper(), path, content, url, token), as_json=True)


async def _call(method: str, path: str, content: Any, url: str, token: str | None) -> None:
    async with Client(url, token) as client:
        _print_json(await client.ask(method, path, content))


async def _up(port: int, state: Path, replicas: int, *, as_json: bool) -> None:
    stopped = _until_stopped()
    passed_on = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    async with installation(state, port=port, replicas=replicas, settings=passed_on, say=_say) as running:
        _console.print(f"Lonewatch runs at {running.url}, following the log (no Kafka in this release).")
        for service in ("checkin", "escalation", "notifier", "audit"):
            _console.print(f"  {running.url}/{service}/openapi.json")
        if running.first_administrator:
            _console.print("The first administrator's token, shown only now. Keep it:")
            _console.print(f"  {running.first_administrator}")
        _console.print("Stop it with Ctrl-C.")
        if as_json:
            _print_json({"url": running.url, "first_administrator": running.first_administrator, "broker": "none"})
        await stopped.wait()
        _say("stopping")


async def _demo(speed: float, port: int, *, leave: bool, as_json: bool) -> None:
    stopped = _until_stopped()
    story = asyncio.create_task(
        play(speed, port, STATE / "demo", _console, stopped, stay=not leave and _console.is_terminal)
    )
    ended = asyncio.create_task(stopped.wait())
    await asyncio.wait({story, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not story.done():
        story.cancel()
        _fail("The demo was stopped before its story had ended. Start it again with 'make demo'.")
    ended.cancel()
    report = story.result()
    if as_json:
        _print_json(report)


async def _timeline(visit_id: str, url: str, token: str | None, *, as_json: bool) -> None:
    if not token:
        _fail("Give your token with --token or in LONEWATCH_TOKEN; 'lonewatch up' printed the first administrator's.")
    async with Client(url, token) as client:
        found = await client.get(f"/audit/visits/{visit_id}/timeline")
    if as_json:
        _print_json(found)
    else:
        _console.print(timeline_text(found, width=_console.width), markup=False)


def _run(work: Coroutine[Any, Any, None], *, as_json: bool) -> None:
    """Run a command; what went wrong becomes a sentence and exit code 1, and an object where one was asked for."""
    try:
        asyncio.run(work)
    except (RefusedError, NotReadyError, PostgresError, PolicyError, StoryError) as error:
        if as_json:
            _print_json({"error": getattr(error, "code", "failed"), "detail": str(error)})
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.strerror or error}: {error.filename or 'this machine'}. Put that right and start again.")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _until_stopped() -> asyncio.Event:
    """Return an event that SIGINT or SIGTERM sets, so that everything ends in order."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


def _say(what: str) -> None:
    _errors.print(f"… {what}", style="dim")


def _print_json(value: Any) -> None:
    typer.echo(orjson.dumps(value).decode())


def _fail(message: str) -> NoReturn:
    _errors.print(f"error: {message}", markup=False)
    raise typer.Exit(1)


def main() -> None:
    """Entry point of the ``lonewatch`` command."""
    app()
