"""The ``verify`` command: say what of a log, a tree or a bundle is not as it should be, and at which position."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.terminal import STATE, Json, console, errors, print_json, run

if TYPE_CHECKING:
    from deploy.verify.found import Found

UNVERIFIABLE = 2
"""Exit code where nothing could be verified, told apart from 1: what was verified is not as it should be."""


def verify(
    path: Annotated[
        Path | None, typer.Argument(help="A tree's folder, or a bundle; without one, the installation of this machine.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="The key that you know the log by, or a file that holds it; else the one beside.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="State folder of an installation here; else the one of 'lonewatch up'.")
    ] = None,
    environment: Annotated[
        bool, typer.Option("--environment", help="Read the audit service's settings from LONEWATCH_… instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Verify every record, the tree over them and that nothing expected is missing. Exits with 1 when something is wrong."""
    run(_verify(path, key, None if environment else state or STATE / "up", as_json=as_json), as_json=as_json)


async def _verify(path: Path | None, key: str | None, folder: Path | None, *, as_json: bool) -> None:
    from deploy.verify import UnverifiableError, given_key, verify_installation, verify_path  # noqa: PLC0415 -- for it alone
    from deploy.verify.target import target_of  # noqa: PLC0415 -- the same

    try:
        if path is None:
            found = await verify_installation(target_of(folder))
        else:
            found = verify_path(path, given_key(key))
    except UnverifiableError as refused:
        if as_json:
            print_json({"ok": False, "error": "unverifiable", "detail": str(refused)})
        errors.print(f"error: {refused}", markup=False)
        raise typer.Exit(UNVERIFIABLE) from None
    _print(found)
    if as_json:
        print_json(found.shown())
    if not found.well:
        raise typer.Exit(1)


def _print(found: Found) -> None:
    """Say what was looked at, and each thing that is not as it should be."""
    looked = ", ".join(f"{name} {number}" for name, number in found.checked.items())
    console.print(f"Verified the {found.what}: {looked}.", markup=False)
    for one in found.broken:
        console.print(f"  {one.code}: {one.sentence}", markup=False)
    if found.left_out:
        console.print(f"  and {found.left_out} more, which are not listed.")
    console.print("Everything is as it should be." if found.well else "This is not as it should be.")
