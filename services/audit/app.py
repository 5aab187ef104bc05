"""Put audit together. No logic: what is built from what, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from services.audit import api, bundle_api, pages, tree_api
from services.audit.application import REFUSALS, Application
from services.audit.application.bundles import Bundles
from services.audit.application.trees import Trees
from services.audit.clock import deadlines
from services.audit.feed import reactions, read_models
from services.audit.settings import Settings
from services.audit.tiles.starting import public_folder, tree_loops
from shared.runtime.service import Base, Parts, Running
from shared.runtime.web import create_app

if TYPE_CHECKING:
    from fastapi import FastAPI


def build(base: Base) -> Parts:
    """Return the parts of the service."""
    application = Application(base.pool, base.commands, base.keyring, base.authority)
    settings = cast("Settings", base.settings)  # ``__main__`` and the tests give no other
    public = public_folder(settings)
    bundles = Bundles(application, public)
    trees = Trees(base.authority, public, settings.tree_public)

    def web(running: Running) -> FastAPI:
        app = create_app(running, REFUSALS, "Lonewatch audit")
        app.state.application = application
        app.state.trees = trees
        app.state.bundles = bundles
        app.include_router(api.router)
        app.include_router(tree_api.router)
        app.include_router(bundle_api.router)
        app.include_router(pages.router)
        return app

    loops = tree_loops(base.pool, base.troubles, settings)
    return Parts(reactions(application), read_models(), deadlines(application), web, loops=loops)
