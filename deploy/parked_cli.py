"""The ``parked`` part of the lonewatch command: what services set aside, and what is to become of it.

Speaks to a running Lonewatch over HTTP only; who may do what is decided there.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import orjson
import typer

from deploy.client import Client, RefusedError
from shared.contracts.topics import TOPIC_OF_SERVICE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

app = typer.Typer(
    name="parked", help="Records that a service could not read or apply, and set aside.", no_args_is_help=True
)

ParkedId = Annotated[str, typer.Argument(help="Id of a parked record, as escalation.1042; 'list' shows them.")]
Url = Annotated[str, typer.Option(envvar="LONEWATCH_URL", help="Address of Lonewatch.")]
Token = Annotated[str | None, typer.Option(envvar="LONEWATCH_TOKEN", help="Your bearer token.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
HERE = "http://127.0.0.1:8080"

_NOBODY = "Give an administrator's token with --token or in LONEWATCH_TOKEN."


@app.command("list")
def list_parked(url: Url = HERE, token: Token = None, *, as_json: Json = False) -> None:
    """List what is parked in every service and neither replayed nor discarded."""

    async def every_service(client: Client) -> dict[str, Any]:
        answers = [await client.get(f"/{service}/parked") for service in TOPIC_OF_SERVICE]
        return {"parked": [parked for answer in answers for parked in answer["parked"]]}

    found = _ask(every_service, url, token, as_json=as_json)
    for parked in found["parked"]:
        typer.echo(_line(parked))
    typer.echo(f"{len(found['parked'])} parked")
    _print(found, as_json=as_json)


@app.command()
def show(parked_id: ParkedId, url: Url = HERE, token: Token = None, *, as_json: Json = False) -> None:
    """Show one parked record: why, where, and its bytes as base64."""
    path = _path(parked_id)
    found = _ask(lambda client: client.get(path), url, token, as_json=as_json)
    for name, value in found.items():
        typer.echo(f"{name:18} {value}")
    _print(found, as_json=as_json)


@app.command()
def mend(
    parked_id: ParkedId,
    file: Annotated[Path, typer.Argument(help="A file with the event's data as JSON.", exists=True, dir_okay=False)],
    url: Url = HERE,
    token: Token = None,
    *,
    as_json: Json = False,
) -> None:
    """Give a parked record the data that it should have had. It counts when the record is replayed."""
    try:
        data = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        _fail(f"{file} is not JSON ({error}). Write the event's data as one JSON object.", "not_json", as_json=as_json)
    path = _path(parked_id)
    found = _ask(lambda client: client.post(f"{path}/mend", {"data": data}), url, token, as_json=as_json)
    typer.echo(f"{parked_id} is mended; 'lonewatch parked replay {parked_id}' lets it take effect.")
    _print(found, as_json=as_json)


@app.command()
def replay(parked_id: ParkedId, url: Url = HERE, token: Token = None, *, as_json: Json = False) -> None:
    """Let a parked record take effect, once for good, and then what waits behind it."""
    path = _path(parked_id)
    _tell(_ask(lambda client: client.post(f"{path}/replay"), url, token, as_json=as_json), as_json=as_json)


@app.command()
def discard(
    parked_id: ParkedId,
    reason: Annotated[str, typer.Argument(help="Why, as one word: told_by_hand.")],
    url: Url = HERE,
    token: Token = None,
    *,
    as_json: Json = False,
) -> None:
    """Let a parked record have no effect; what waits behind it takes effect."""
    path = _path(parked_id)
    found = _ask(lambda client: client.post(f"{path}/discard", {"reason": reason}), url, token, as_json=as_json)
    typer.echo(f"{parked_id} is discarded")
    _tell(found, as_json=as_json)


def _path(parked_id: str) -> str:
    """Return the path of a parked record: its id begins with the name of its service."""
    service = re.split(r"[._]", parked_id, maxsplit=1)[0]
    if service not in TOPIC_OF_SERVICE or not re.fullmatch(r"[A-Za-z0-9_.-]{1,200}", parked_id):
        message = f"{parked_id!r} is no id of a parked record; 'lonewatch parked list' shows them."
        _fail(message, "bad_id", as_json=False)
    return f"/{service}/parked/{parked_id}"


def _ask(
    asking: Callable[[Client], Awaitable[dict[str, Any]]], url: str, token: str | None, *, as_json: bool
) -> dict[str, Any]:
    """Ask as the person whose token is given; end with a sentence where that is refused."""

    async def ask() -> dict[str, Any]:
        async with Client(url, token) as client:
            return await asking(client)

    if not token:
        _fail(_NOBODY, "no_token", as_json=as_json)
    try:
        return asyncio.run(ask())
    except RefusedError as error:
        _fail(str(error), error.code, as_json=as_json)


def _tell(released: dict[str, Any], *, as_json: bool) -> None:
    for parked_id in released["replayed"]:
        typer.echo(f"{parked_id} took effect")
    if released["stopped_at"]:
        typer.echo(f"{released['stopped_at']} did not, and waits with what is behind it: {released['error']}")
    _print(released, as_json=as_json)


def _line(parked: dict[str, Any]) -> str:
    where = parked["visit_id"] or parked["record_stream_id"]
    behind = f", behind {parked['behind']}" if parked["behind"] else ""
    return f"{parked['parked_id']}  {parked['record_type']} of {where}: {parked['reason']}{behind}"


def _print(value: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(value).decode())


def _fail(message: str, code: str, *, as_json: bool) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    _print({"error": code, "detail": message}, as_json=as_json)
    raise typer.Exit(1)
