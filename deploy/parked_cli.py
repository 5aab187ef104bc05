"""The ``parked`` part of the lonewatch command: what services set aside, and what is to become of it.

Speaks to a running Lonewatch over HTTP only; who may do what is decided there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from deploy.client import RefusedError
from deploy.terminal import HERE, Json, Token, Url, client, print_json, run
from shared.contracts.topics import TOPIC_OF_SERVICE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from deploy.client import Client

    Asking = Callable[[Client], Awaitable[dict[str, Any]]]
    Telling = Callable[[dict[str, Any]], None]

app = typer.Typer(
    name="parked", help="Records that a service could not read or apply, and set aside.", no_args_is_help=True
)

ParkedId = Annotated[str, typer.Argument(help="Id of a parked record, as escalation.1042; 'list' shows them.")]


@app.command("list")
def list_parked(url: Url = HERE, token: Token = None, *, as_json: Json = False) -> None:
    """List what is parked in every service and neither replayed nor discarded."""

    async def every_service(asked: Client) -> dict[str, Any]:
        answers = [await asked.get(f"/{service}/parked") for service in TOPIC_OF_SERVICE]
        return {"parked": [parked for answer in answers for parked in answer["parked"]]}

    def tell(found: dict[str, Any]) -> None:
        for parked in found["parked"]:
            typer.echo(_line(parked))
        typer.echo(f"{len(found['parked'])} parked")

    _ask(every_service, tell, url, token, as_json=as_json)


@app.command()
def show(parked_id: ParkedId, url: Url = HERE, token: Token = None, *, as_json: Json = False) -> None:
    """Show one parked record: why, where, and its bytes as base64."""

    def tell(found: dict[str, Any]) -> None:
        for name, value in found.items():
            typer.echo(f"{name:18} {value}")

    _ask(lambda asked: asked.get(_path(parked_id)), tell, url, token, as_json=as_json)


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

    async def give(asked: Client) -> dict[str, Any]:
        answer: dict[str, Any] = await asked.post(f"{_path(parked_id)}/mend", {"data": _data(file)})
        return answer

    def tell(_: dict[str, Any]) -> None:
        typer.echo(f"{parked_id} is mended; 'lonewatch parked replay {parked_id}' lets it take effect.")

    _ask(give, tell, url, token, as_json=as_json)


@app.command()
def replay(parked_id: ParkedId, url: Url = HERE, token: Token = None, *, as_json: Json = False) -> None:
    """Let a parked record take effect, once for good, and then what waits behind it."""
    _ask(lambda asked: asked.post(f"{_path(parked_id)}/replay"), _tell_released, url, token, as_json=as_json)


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

    def tell(released: dict[str, Any]) -> None:
        typer.echo(f"{parked_id} is discarded")
        _tell_released(released)

    body = {"reason": reason}
    _ask(lambda asked: asked.post(f"{_path(parked_id)}/discard", body), tell, url, token, as_json=as_json)


def _ask(asking: Asking, tell: Telling, url: str, token: str | None, *, as_json: bool) -> None:
    """Ask as the person whose token is given and tell the answer; end with a sentence where that is refused."""

    async def ask() -> None:
        async with client(url, token) as asked:
            answer = await asking(asked)
        tell(answer)
        if as_json:
            print_json(answer)

    run(ask(), as_json=as_json)


def _path(parked_id: str) -> str:
    """Return the path of a parked record: its id begins with the name of its service. Raises RefusedError."""
    service = re.split(r"[._]", parked_id, maxsplit=1)[0]
    if service not in TOPIC_OF_SERVICE or not re.fullmatch(r"[A-Za-z0-9_.-]{1,200}", parked_id):
        raise RefusedError("bad_id", f"{parked_id!r} is no id of a parked record; 'lonewatch parked list' shows them.")
    return f"/{service}/parked/{parked_id}"


def _data(file: Path) -> Any:
    """Return what a file says. Raises RefusedError."""
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise RefusedError(
            "not_json", f"{file} is not JSON ({error}). Write the event's data as one JSON object."
        ) from None


def _tell_released(released: dict[str, Any]) -> None:
    for parked_id in released["replayed"]:
        typer.echo(f"{parked_id} took effect")
    if released["stopped_at"]:
        typer.echo(f"{released['stopped_at']} did not, and waits with what is behind it: {released['error']}")


def _line(parked: dict[str, Any]) -> str:
    where = parked["visit_id"] or parked["record_stream_id"]
    behind = f", behind {parked['behind']}" if parked["behind"] else ""
    return f"{parked['parked_id']}  {parked['record_type']} of {where}: {parked['reason']}{behind}"
