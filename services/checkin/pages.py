"""The start page of checkin: what runs here, and where its interface is described. Nothing personal."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from shared.runtime.pages import Pages

router = APIRouter(prefix="/checkin", default_response_class=HTMLResponse)

_PAGES = Pages(Path(__file__).parent / "templates")


@router.get("/", name="index", include_in_schema=False)
async def index() -> HTMLResponse:
    """Say what runs here."""
    return _PAGES.show("index.html")
