"""What every part of the lonewatch command shares: how it speaks, how it fails, and how it asks a running Lonewatch."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console

from deploy.client import Client, RefusedError
from deploy.database import ROOT
from deploy.local.postgres import PostgresError
from deploy.local.readiness import NotReadyError
from deploy.policy.files import PolicyError
from deploy.story.stage import StoryError
from shared.runtime.schema import ChangedMigrationError

if TYPE_CHECKING:
    from collections.abc import Coroutine

STATE = Path(os.environ.get("LONEWATCH_STATE", ROOT / "var"))
"""Where installations of this machine keep what they must not lose."""

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Url = Annotated[str, typer.Option(envvar="LONEWATCH_URL", help="Address of Lonewatch.")]
Token = Annotated[str | None, typer.Option(envvar="LONEWATCH_TOKEN", help="Your bearer token.")]

HERE = "http://127.0.0.1:8080"
"""Where ``lonewatch up`` listens unless told otherwise."""


def run(work: Coroutine[Any, Any, None], *, as_json: bool) -> None:
    """Run a command; what went wrong becomes a sentence and exit code 1, and an object where one was asked for."""
    try:
        asyncio.run(work)
    except (RefusedError, NotReadyError, PostgresError, PolicyError, StoryError, ChangedMigrationError) as error:
        if as_json:
            print_json({"error": getattr(error, "code", "failed"), "detail": str(error)})
        fail(str(error))
    except OSError as error:
        sentence = f"{error.strerror or error}: {error.filename or 'this machine'}. Put that right and start again."
        if as_json:
            print_json({"error": "failed", "detail": sentence})
        fail(sentence)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def client(url: str, token: str | None) -> Client:
    """Return a client that shows a token. Raises RefusedError without one, and says where there is one."""
    if not token:
        raise RefusedError(
            "no_token",
            "Give your token with --token or in LONEWATCH_TOKEN; 'lonewatch up' printed the first administrator's.",
        )
    return Client(url, token)


def until_stopped() -> asyncio.Event:
    """Return an event that SIGINT or SIGTERM sets, so that everything ends in order."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


def say(what: str) -> None:
    """Say what is done meanwhile."""
    errors.print(f"… {what}", style="dim")


def print_json(value: Any) -> None:
    """Print one JSON object as a line."""
    typer.echo(orjson.dumps(value).decode())


def fail(message: str) -> NoReturn:
    """Say what is wrong and what to do, and end with exit code 1."""
    errors.print(f"error: {message}", markup=False)
    raise typer.Exit(1)
