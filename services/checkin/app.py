"""Put checkin together. Decides nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from services.checkin import api, clock, feed, pages
from services.checkin.application import Application
from services.checkin.domain import REFUSALS
from services.checkin.self_checks import self_checks
from shared.runtime.ids import new_token
from shared.runtime.outages import Outages
from shared.runtime.service import Base, Parts, running
from shared.runtime.web import create_app

if TYPE_CHECKING:
    from fastapi import FastAPI

    from services.checkin.settings import Settings
    from shared.runtime.service import Running


def build(base: Base) -> Parts:
    """Return the parts of checkin."""
    outages = Outages(base.pool, base.troubles, base.name, base.cycles)
    application = Application(base.commands, base.keyring, base.authority, base.watch, outages.before_claiming)

    def web(running: Running) -> FastAPI:
        app = create_app(running, REFUSALS, "Lonewatch checkin")
        app.state.application = application
        app.include_router(api.router)
        app.include_router(pages.router)
        return app

    deadlines = clock.deadlines(application)
    return Parts(
        reactions=feed.reactions(application),
        read_models=feed.read_models(),
        deadlines=deadlines,
        web=web,
        self_checks=self_checks(base, deadlines),
    )


async def make_first_administrator(settings: Settings) -> None:
    """Leave the first administrator's token in the file of the settings while the operator has no administrator.

    The token is in the file before it is anybody's, so that no crash leaves an administrator whose token nobody has.
    """
    file = settings.first_administrator_file
    if file is None:
        return
    async with running("checkin", settings, build) as (service, parts):
        application: Application = parts.web(service).state.application
        if await application.has_administrator():
            return
        made = _publish(file, new_token())
        # A crash here leaves a token that nobody holds; the next start takes it from the file and goes on.
        if await application.install(_read(file)) is None and made:
            _remove(file)  # another replica, with a file of its own, was first


def _publish(file: Path, token: str) -> bool:
    """Write a file whole, readable by its owner alone, unless there is one. Return whether it was written."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(token + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    try:
        file.hardlink_to(draft)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _read(file: Path) -> str:
    return file.read_text("utf-8").strip()


def _remove(file: Path) -> None:
    file.unlink()
