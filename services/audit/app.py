"""Put audit together. No logic: what is built from what, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.audit import api, pages
from services.audit.application import REFUSALS, Application
from services.audit.clock import deadlines
from services.audit.feed import reactions, read_models
from shared.runtime.service import Base, Parts, Running
from shared.runtime.web import create_app

if TYPE_CHECKING:
    from fastapi import FastAPI


def build(base: Base) -> Parts:
    """Return the parts of the service."""
    application = Application(base.pool, base.commands, base.keyring, base.authority)

    def web(running: Running) -> FastAPI:
        app = create_app(running, REFUSALS, "Lonewatch audit")
        app.state.application = application
        app.include_router(api.router)
        app.include_router(pages.router)
        return app

    return Parts(reactions(application), read_models(), deadlines(application), web)
