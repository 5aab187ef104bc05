"""The AsyncAPI document as an integrator has it: the file, what its references lead to, and what it has against a value."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft7Validator

DOCUMENT = Path(__file__).parents[2] / "docs" / "asyncapi.json"


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    found: dict[str, Any] = orjson.loads(DOCUMENT.read_bytes())
    return found


def at(reference: str) -> Any:
    """Return what a reference leads to. Raises KeyError where that is nothing."""
    found: Any = document()
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def objections(type_: str, part: str, value: Any) -> list[str]:
    """Return what the document has against the ``headers`` or the ``payload`` of a message."""
    return [f"{error.json_path}: {error.message}" for error in _validator(type_, part).iter_errors(value)]


@cache
def _validator(type_: str, part: str) -> Draft7Validator:
    schema = {**document()["components"]["messages"][type_][part], "components": document()["components"]}
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)
