"""Read a policy file, give it one identity in bytes, and scale it for a demo.

Reads the one file that it is given; no database, no network. What is wrong with a file is found in ``policy_checks`` and
``shared.contracts.policy_rules``; on which line that stands, in ``policy_lines``.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deploy.policy.advice import contract_problems
from deploy.policy.checks import strictly, too_large
from deploy.policy.lines import line_of, lines_of
from shared.contracts.ladder_rules import Problem
from shared.contracts.policy import Policy
from shared.contracts.policy_rules import problems_of


class PolicyError(Exception):
    """A policy cannot be used. ``problems`` has a sentence each: which file, which key, what is wrong, what to do."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_policy(path: Path) -> Policy:
    """Return the policy that a file holds. Raises PolicyError with everything that is wrong with it, each with its line."""
    text = _text_of(path)
    data = _toml(path, text)
    try:
        policy, problems = _checked(data)
    except RecursionError:
        raise PolicyError(f"{path}: {_TOO_DEEP}") from None
    if policy is None or problems:
        lines = lines_of(text)
        found = sorted((line_of(lines, where), where, what) for where, what in problems)
        raise PolicyError(*(f"{path}:{line}: {where or 'the file'}: {what}." for line, where, what in found))
    return policy


def _checked(data: dict[str, Any]) -> tuple[Policy | None, list[Problem]]:
    """Return the policy, where there is one, and what is wrong with it."""
    if problems := list(too_large(data)):
        return None, problems
    problems = list(strictly(Policy, data))
    try:
        policy = Policy.model_validate_json(json.dumps(data, default=_of_no_use_here))
    except ValidationError as error:
        named = {where for where, _ in problems}
        return None, problems + [one for one in contract_problems(error, data) if one[0] not in named]
    return policy, problems + problems_of(policy)


LARGEST = 1024 * 1024
"""Bytes of a policy file: what the front takes in one request."""

_TOO_DEEP = "is nested too deeply; a policy has tables in tables, six deep."


def _text_of(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise PolicyError(f"{path}: is no file; give the path of a policy file.")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise PolicyError(f"{path}: there is no such file; give the path of a policy file.") from None
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read ({error.strerror}); give a policy file that you may read.") from None
    except ValueError as error:  # NUL in the path
        raise PolicyError(f"{str(path)!r}: is no path ({error}); give the path of a policy file.") from None
    if len(content) > LARGEST:
        raise PolicyError(
            f"{path}: has more than {LARGEST} bytes; a policy has some thousands, and no more is adopted."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"byte {error.start + 1} is not UTF-8; save the file as UTF-8 text."
        raise PolicyError(f"{path}:{line}: {what}") from None


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError names line and column; a number of thousands of digits does not
        if not isinstance(error, tomllib.TOMLDecodeError):
            raise PolicyError(
                f"{path}:{_longest_line(text)}: has a number that nobody can count; correct it."
            ) from None
        said = _AT_LINE.search(str(error))
        end = text.count("\n") + (not text.endswith("\n"))
        line = int(said[1]) if said else end if "end of document" in str(error) else 1
        raise PolicyError(f"{path}:{line}: is not TOML: {error}; correct the file there.") from None
    except RecursionError:
        raise PolicyError(f"{path}:{_longest_line(text)}: {_TOO_DEEP}") from None


def _longest_line(text: str) -> int:
    """Return where whatever is too long or too deep most likely stands: Python does not say it."""
    lines = text.split("\n")
    return lines.index(max(lines, key=len)) + 1


_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)$")
"""How tomllib says where it stopped."""


def _of_no_use_here(value: object) -> dict[str, str]:
    """Stand in for TOML's dates and times, of which a policy has none, so that no key accepts them."""
    return {"toml": str(value)}


def canonical(policy: Policy) -> bytes:
    """Return the one sequence of bytes of a policy's content: RFC 8785 JSON (it holds strings and booleans only)."""
    content = policy.model_dump(mode="json")
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(policy: Policy) -> str:
    """Return the SHA-256 of the canonical bytes, in hex: two policies with the same content have the same."""
    return hashlib.sha256(canonical(policy)).hexdigest()


def scaled(policy: Policy, factor: float) -> Policy:
    """Return a copy in which every span is divided by ``factor``, under an id and a title of its own.

    For demonstrations: the code that runs it knows no factor. With 1 it is the policy itself. Raises PolicyError where
    the factor is not a number from 1 upwards, or leaves nothing of a span.
    """
    if not (math.isfinite(factor) and factor >= 1):
        raise PolicyError(f"the factor {factor} is not a number from 1 upwards; 60 makes a minute a second.")
    if factor == 1:
        return policy
    name = f"{factor:f}".rstrip("0").rstrip(".")
    content = {key: _divided(value, factor) for key, value in policy.model_dump().items()}
    content["policy_id"] = f"{policy.policy_id}-x{name}"
    content["title"] = f"{policy.title} ({name} times as fast, for demonstration only)"
    try:
        return Policy.model_validate(content)
    except ValidationError:
        raise PolicyError(
            f"{policy.policy_id} cannot be made {name} times as fast: a span would be nothing, or the id or title too long; "
            "take a factor nearer to 1."
        ) from None


def _divided(value: object, factor: float) -> object:
    match value:
        case dict():
            return {key: _divided(inner, factor) for key, inner in value.items()}
        case tuple():
            return tuple(_divided(inner, factor) for inner in value)
        case timedelta():
            return value / factor
        case _:
            return value
