"""The ``complete`` command: say what was expected and has no recorded end, or more than one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import asyncpg
import typer

from deploy.client import RefusedError
from deploy.terminal import STATE, Json, console, print_json, run
from services.audit.completing import completeness

_WITHIN = 60.0
"""Seconds for one statement: whoever asks waits, and takes nobody's turn meanwhile."""


def complete(
    site: Annotated[str | None, typer.Option(help="Only what belongs to this site.")] = None,
    state: Annotated[
        Path | None, typer.Option(help="State folder of an installation here; else the one of 'lonewatch up'.")
    ] = None,
    environment: Annotated[
        bool, typer.Option("--environment", help="Read the audit service's settings from LONEWATCH_… instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check that each expected thing in the log has exactly one recorded end. Exits with 1 when something has not."""
    run(_complete(site, None if environment else state or STATE / "up", as_json=as_json), as_json=as_json)


async def _complete(site: str | None, folder: Path | None, *, as_json: bool) -> None:
    from deploy.verify import UnverifiableError  # noqa: PLC0415 -- for it alone
    from deploy.verify.target import target_of  # noqa: PLC0415 -- the same

    try:
        target = target_of(folder)
    except UnverifiableError as refused:
        raise RefusedError("no_installation", str(refused)) from None
    try:
        connection = await asyncpg.connect(target.database, timeout=_WITHIN, command_timeout=_WITHIN)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as failed:
        said = f"The log's database does not let audit in ({type(failed).__name__}). 'lonewatch doctor' says what keeps it."
        raise RefusedError("log_not_reached", said) from None
    try:
        found = [one async for one in completeness(connection, site_id=site)]
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as failed:
        said = f"The log could not be read to its end ({type(failed).__name__}). Try it again."
        raise RefusedError("log_not_read", said) from None
    finally:
        connection.terminate()
    for one in found:
        console.print(f"  {one.subject}: {one.sentence}", markup=False)
    console.print(
        "This is not as it should be." if found else "Each expected thing has one end, or is open and in time."
    )
    if as_json:
        print_json({"ok": not found, "broken": [one.shown() for one in found]})
    if found:
        raise typer.Exit(1)
