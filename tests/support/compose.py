"""docker-compose.yml as an engine would see it with .env.example: variables filled in, anchors resolved."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def dotenv() -> Mapping[str, str]:
    """Return what .env.example sets."""
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    return {
        name: value.strip('"')
        for name, _, value in (line.partition("=") for line in lines if line and not line.startswith("#"))
    }


def filled_in() -> str:
    """Return docker-compose.yml with its variables filled in. Raises KeyError for one that must be set and is not."""

    def value(found: re.Match[str]) -> str:
        if found["kind"] == "-":
            return dotenv().get(found["name"], found["rest"])
        return dotenv()[found["name"]]

    return _VARIABLE.sub(value, (ROOT / "docker-compose.yml").read_text("utf-8"))


@cache
def project() -> Mapping[str, Any]:
    """Return the project. PyYAML comes with pre-commit and brings no types."""
    found: Mapping[str, Any] = importlib.import_module("yaml").safe_load(filled_in())
    return found
