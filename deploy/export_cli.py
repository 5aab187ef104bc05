"""``lonewatch export``: one file that proves what happened on a visit, to somebody who has nothing else of Lonewatch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.exporting import fetch_bundle
from deploy.terminal import HERE, Json, Token, Url, client, console, print_json, run


def export(
    visit_id: Annotated[str, typer.Argument(help="Id of the visit.")],
    out: Annotated[Path, typer.Option("--out", help="The zip to write; one of that name is replaced.", dir_okay=False)],
    url: Url = HERE,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Write the bundle of a visit: its timeline and records, and what proves them by tools that are not ours."""
    run(_export(visit_id, out, url, token, as_json=as_json), as_json=as_json)


async def _export(visit_id: str, out: Path, url: str, token: str | None, *, as_json: bool) -> None:
    async with client(url, token) as asking:
        size = await fetch_bundle(asking, visit_id, out)
    if as_json:
        print_json({"visit_id": visit_id, "bundle": str(out), "bytes": size})
    else:
        console.print(f"{out} has the bundle of visit {visit_id} ({size} bytes). Its README.md says how to check it.")
