"""The JSON Schema of a policy file, made from the contract; for editors and for integrators in other languages.

Stricter than the contract: a policy file is written by hand, so a key that nobody reads is a mistake there.
"""

from __future__ import annotations

import json
from typing import Any, get_args

from deploy.database import ROOT
from shared.contracts.ladders import REQUIRED, Trigger
from shared.contracts.policy import Policy

SCHEMA_PATH = ROOT / "policies" / "policy.schema.json"
"""Where the schema stands in the checkout: beside the files that it describes."""

WORDS = r"(?!0+(?:\.0+)? )[0-9]+(?:\.[0-9]+)? (?:second|minute|hour|day)s?"
"""``5 minutes``: the form for people. Never zero."""

ISO_8601 = (
    r"P(?=[0-9T])(?=.*[1-9])(?:[0-9]+Y)?(?:[0-9]+D)?(?:T(?=[0-9])(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?"
)
"""``PT5M``: the form on the wire. No months: they have no fixed length. A year is 365 days, as pydantic writes them."""

_SPAN = {
    "title": "Span",
    "description": "A span above zero: a number, a space and second(s), minute(s), hour(s) or day(s); or ISO 8601.",
    "type": "string",
    "anyOf": [{"pattern": f"^{WORDS}$"}, {"pattern": f"^{ISO_8601}$"}],
    "examples": ["5 minutes", "PT5M"],
}


_TELLS = {
    "required": ["notify"],
    "properties": {"notify": {"type": "array", "minItems": 1}, "task": {"type": "null"}},
}
_GIVES_A_TASK = {
    "required": ["task"],
    "properties": {"notify": {"type": "array", "maxItems": 0}, "task": {"type": "object"}},
}
"""A step tells people or is a task; on the wire what it is not stands there empty."""


def policy_schema() -> dict[str, object]:
    """Return the schema: the contract's, with spans as people write them, no unknown keys, no trigger with two ladders."""
    schema = Policy.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        if model.get("type") != "object":
            continue
        model["additionalProperties"] = False
        model["properties"] = {key: _with_spans(value) for key, value in model["properties"].items()}
    schema["$defs"]["Span"] = _SPAN
    schema["$defs"]["Step"]["oneOf"] = [_TELLS, _GIVES_A_TASK]
    schema["properties"]["ladders"]["allOf"] = [_no_second(trigger) for trigger in get_args(Trigger)]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _with_spans(value: Any) -> Any:
    """Return a property's schema with every span in it, also one that may be left out, as people write it."""
    if value.get("format") == "duration":
        return {"$ref": "#/$defs/Span"}
    if "anyOf" in value:
        return {**value, "anyOf": [_with_spans(one) for one in value["anyOf"]]}
    return value


def _no_second(trigger: str) -> dict[str, object]:
    return {
        "contains": {"type": "object", "properties": {"trigger": {"const": trigger}}, "required": ["trigger"]},
        "minContains": 1 if trigger in REQUIRED else 0,
        "maxContains": 1,
    }


def schema_text() -> str:
    """Return the schema as it is written to its file."""
    return json.dumps(policy_schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
