"""The words for what pydantic finds wrong with a policy: where, what, and what to do. No files: works on what TOML gave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from shared.contracts.ladder_rules import Problem
from shared.contracts.policy_words import did_you_mean

_QUOTED = re.compile(r"'([^']+)'")


def contract_problems(error: ValidationError, data: Mapping[str, Any]) -> list[Problem]:
    """Say what pydantic found, each with its key path and what to do."""
    return [
        (
            _key_path(one["loc"]) if one["loc"] or one["type"] != "value_error" else _ladder_at_fault(data),
            _advice(one["type"], one["msg"], one["input"]),
        )
        for one in error.errors()
        if not (one["type"] == "too_short" and one["input"])  # its entries are wrong, and named one by one
    ]


def _ladder_at_fault(data: Mapping[str, Any]) -> str:
    """Return the second ladder for one trigger, or all of them: what the contract says of no key concerns ladders."""
    triggers = [ladder["trigger"] for ladder in data["ladders"]]
    second = (number for number, trigger in enumerate(triggers, start=1) if trigger in triggers[: number - 1])
    found = next(second, None)
    return f"ladders[{found}].trigger" if found else "ladders"


def _key_path(loc: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in loc)
    return path.removeprefix(".")


def _advice(kind: str, message: str, value: object) -> str:
    match kind:
        case "missing":
            return "is missing; add it (docs/policies.md explains every key)"
        case "enum" | "literal_error":
            known = _QUOTED.findall(message)
            return f"{shown(value)} is unknown here{did_you_mean(str(value), known)}; it may be {', '.join(known)}"
        case "string_pattern_mismatch":
            return f"{shown(value)} has a character or a length that is not allowed; {message}"
        case "too_short":
            return "is empty; give at least one entry"
        case "tuple_type":
            return f"{shown(value)} is no list; write the entries in brackets, separated by commas"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{shown(value)} is no table; write its keys below a header in brackets (docs/policies.md)"
        case "string_type":
            return f"{shown(value)} is no text; write it in quotation marks"
        case "value_error":
            return message.removeprefix("Value error, ")
        case _:
            return f"{shown(value)} does not fit: {message}"


def shown(value: object) -> str:
    """Return a value of a file, cut where it is long."""
    longest = 60  # characters: enough to recognise the place, short enough for one line
    if isinstance(value, dict) and value.keys() == {"toml"}:  # a date or a time, as TOML has it without quotes
        text = str(value["toml"])
    else:
        text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= longest else f"{text[:longest]}…"
