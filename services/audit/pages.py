"""The page of audit: how to get a timeline and how to read it. Shows nothing of anybody."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from shared.runtime.pages import Pages

router = APIRouter(prefix="/audit")

_pages = Pages(Path(__file__).parent / "templates")


@router.get("/", name="index", include_in_schema=False)
async def index() -> HTMLResponse:
    """Say what a timeline holds and how to ask for one."""
    return _pages.show("index.html")
