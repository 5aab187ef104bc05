"""The page at notifier's own address: what this service is, for somebody who came upon it. Shows no data."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from shared.runtime.pages import Pages

router = APIRouter(prefix="/notifier", default_response_class=HTMLResponse)

_PAGES = Pages(Path(__file__).parent / "templates")


@router.get("/", name="index", include_in_schema=False)
async def index() -> HTMLResponse:
    """Say what this service does and where its description lies."""
    return _PAGES.show("index.html")
