"""Pages for people: templates with one look and strict headers. No scripts, nothing from elsewhere, nothing kept.

A template says ``{% extends "base.html" %}`` and fills the blocks ``title`` and ``main``; every value is escaped. Whoever
shows a page gives ``impairment``, so that it says when nobody is watched over, and whom to ring.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shared.runtime.settings import RELEASE

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEMPLATES = Path(__file__).resolve().parent / "templates"

_STYLE = Markup((_TEMPLATES / "style.css").read_text("utf-8"))  # noqa: S704 -- a file of ours, and no value in it

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        f"style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
"""Of every page: a link's code must not leave with a referrer, stay in a cache, or be read by a script."""


class Pages:
    """Shows the templates of one service."""

    def __init__(self, folder: Path) -> None:
        """Take templates from ``folder``, and the base that they extend from here."""
        self._environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(folder), FileSystemLoader(_TEMPLATES)]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(style=_STYLE, release=RELEASE, impairment=None)

    def show(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page. Raises jinja2.UndefinedError for a value that the template names and nobody gave."""
        return HTMLResponse(self.text(template, **values), status, HEADERS)

    def text(self, template: str, **values: Any) -> str:
        """Return a page that stands in a file. Raises as ``show``."""
        return self._environment.get_template(template).render(values)
