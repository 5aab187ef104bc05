"""Put escalation together. No logic here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.escalation.api import router
from services.escalation.application import REFUSALS, Application
from services.escalation.clock import deadlines
from services.escalation.feed import reactions, read_models
from services.escalation.pages import router as pages_router
from services.escalation.self_checks import self_checks
from shared.runtime.service import Base, Parts, Running
from shared.runtime.web import create_app

if TYPE_CHECKING:
    from fastapi import FastAPI


def build(base: Base) -> Parts:
    """Return what the service brings."""
    application = Application(base.commands, base.keyring, base.authority)

    def web(running: Running) -> FastAPI:
        app = create_app(running, REFUSALS, "Lonewatch escalation")
        app.state.application = application
        app.include_router(router)
        app.include_router(pages_router)
        return app

    due = deadlines(application)
    return Parts(reactions(application), read_models(application), due, web, self_checks(base, due))
