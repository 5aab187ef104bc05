"""The pages of notifier: what this service is, and the one behind a test alarm's link, with its one button.

The link's code is the identity. Opening the page changes nothing; only the pressed button does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.notifier.application import Application
from shared.contracts.base import Id
from shared.decider import Rejected
from shared.runtime.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Awaitable

router = APIRouter(prefix="/notifier", default_response_class=HTMLResponse)

_PAGES = Pages(Path(__file__).parent / "templates")


@router.get("/", name="index", include_in_schema=False)
async def index() -> HTMLResponse:
    """Say what this service does and where its description lies."""
    return _PAGES.show("index.html")


@router.get("/t/{notification_id}/{code}", name="test_page", include_in_schema=False)
async def test_page(request: Request, notification_id: Id, code: str) -> HTMLResponse:
    """Ask whoever follows the link of a test alarm whether it reached them. Changes nothing."""
    application: Application = request.app.state.application
    return await _page(application.trials.addressed(notification_id, code), reached=False)


@router.post("/t/{notification_id}/{code}", name="test_page_act", include_in_schema=False)
async def test_page_act(request: Request, notification_id: Id, code: str) -> HTMLResponse:
    """Record that it reached them."""
    application: Application = request.app.state.application
    return await _page(application.trials.reached(notification_id, code), reached=True)


async def _page(done: Awaitable[object], *, reached: bool) -> HTMLResponse:
    """Return the page of a test alarm once that is done; another one where its link is of none."""
    try:
        await done
    except Rejected:
        return _PAGES.show("test_unknown.html", status=404)
    return _PAGES.show("test.html", reached=reached)
