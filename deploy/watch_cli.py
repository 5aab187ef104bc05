"""The parts of the lonewatch command that look after a running Lonewatch: ``doctor``, ``status`` and ``test-alarm``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from deploy.client import RefusedError
from deploy.status_asking import asked
from deploy.status_text import status_text, watch_lines
from deploy.terminal import HERE, STATE, Json, Token, Url, client, console, fail, print_json, run

IMPAIRED = 2
"""Exit code of ``status`` while the watch is impaired, told apart from 1: it could not be asked."""

LOOK_EVERY = 1.0
"""Seconds between two looks at a test alarm."""

_SIGNS = {"ok": "[green]ok     [/green]", "warning": "[yellow]warning[/yellow]", "error": "[red]error  [/red]"}


def doctor(
    state: Annotated[
        Path | None, typer.Option(help="State folder of an installation here; else the one of 'lonewatch up'.")
    ] = None,
    environment: Annotated[
        bool, typer.Option("--environment", help="Read a service's settings from LONEWATCH_… instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Examine an installation and print what is wrong with it, each with its remedy. Exits with 1 when there is an error."""
    folder = state or STATE / "up"
    run(_doctor(None if environment else folder, as_json=as_json), as_json=as_json)


async def _doctor(folder: Path | None, *, as_json: bool) -> None:
    from deploy.doctor import examine, from_environment, from_folder  # noqa: PLC0415 -- loads Kafka's client: for it alone

    if folder is not None and not (folder / "postgres" / "port").exists():
        raise RefusedError(
            "no_installation",
            f"{folder} holds no installation. Give its folder with --state, or use --environment where services run.",
        )
    try:
        target = from_environment() if folder is None else from_folder(folder)
    except ValidationError as error:
        missing = ", ".join(sorted(f"LONEWATCH_{str(one['loc'][0]).upper()}" for one in error.errors()))
        raise RefusedError(
            "settings_wrong",
            f"These settings are missing or wrong: {missing}. Set them as the service has them, or give --state.",
        ) from None
    except SettingsError as error:
        raise RefusedError("settings_wrong", str(error)) from None
    findings = await examine(target)
    for finding in findings:
        console.print(f"{_SIGNS[finding.level]} {finding.code}: ", end="")
        console.print(finding.sentence, markup=False)
        if finding.remedy:
            console.print(f"        {finding.remedy}", markup=False)
    wrong = any(finding.level == "error" for finding in findings)
    if as_json:
        print_json({"ok": not wrong, "findings": [finding.shown() for finding in findings]})
    if wrong:
        raise typer.Exit(1)


def status(url: Url = HERE, token: Token = None, as_json: Json = False) -> None:
    """Say how all services are. Exits with 2 while the watch is impaired, with 1 when it cannot be asked."""
    run(_status(url, token, as_json=as_json), as_json=as_json)


async def _status(url: str, token: str | None, *, as_json: bool) -> None:
    async with client(url, token) as asking:
        try:
            found = await asked(asking)
            text = status_text(found)
        except RefusedError as refused:
            if not refused.watch:
                raise
            found, text = {"watch": refused.watch}, "\n".join(watch_lines(refused.watch))
    console.print(text, markup=False)
    if as_json:
        print_json(found)
    if found["watch"]["impaired"]:
        raise typer.Exit(IMPAIRED)


def alarm_for_a_test(
    worker_id: Annotated[str, typer.Argument(help="Id of the person to be reached.")],
    wait: Annotated[int, typer.Option(help="Seconds to wait for 'It reached me'.", min=0, max=3600)] = 60,
    url: Url = HERE,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Tell somebody that this is a test, and wait until they say that it reached them. Exits with 1 when they do not."""
    run(_alarm_for_a_test(worker_id, wait, url, token, as_json=as_json), as_json=as_json)


async def _alarm_for_a_test(worker_id: str, wait: int, url: str, token: str | None, *, as_json: bool) -> None:
    loop = asyncio.get_running_loop()
    async with client(url, token) as asking:
        sent = await asking.post("/notifier/test-alarms", {"recipient_id": worker_id})
        path, position = f"/notifier/test-alarms/{sent['notification_id']}", sent["position"]
        until = loop.time() + wait
        found = await asking.get(path, at_least=position)
        while not found["reached_at"] and loop.time() < until:
            await asyncio.sleep(LOOK_EVERY)
            found = await asking.get(path)
    for message in found["messages"]:
        console.print(f"{message['channel']} ({message['contact_point_id']}): {message['state']}", markup=False)
    if found["reached_at"]:
        console.print(f"It reached {worker_id} at {found['reached_at']}.", markup=False)
    if as_json:
        print_json(found)
    if not found["reached_at"]:
        fail(
            f"Nobody has said within {wait} s that it reached them. See that {worker_id} looks at their contact points."
        )
