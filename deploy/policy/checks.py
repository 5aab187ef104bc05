"""What a policy file must hold beyond its contract.

No files: works on what TOML gave. The contract ignores members that it does not know, so that older readers go on
reading; in a file written by hand an unknown key is a typo, and 300 for a span is a guess at its unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from unicodedata import category

from pydantic import BaseModel, TypeAdapter, ValidationError

from deploy.policy.advice import shown
from deploy.policy.schema import ISO_8601, WORDS
from shared.contracts.ladder_rules import Problem
from shared.contracts.policy_words import did_you_mean
from shared.contracts.spans import LONGEST, Span

_SPAN_FORM = re.compile(f"{WORDS}|{ISO_8601}")
_SPAN: TypeAdapter[timedelta] = TypeAdapter(Span)
_SPAN_ADVICE = (
    f"is no span above zero and of at most {LONGEST.days} days; write a number, a space and seconds, minutes, hours or days, "
    'as "5 minutes", or ISO 8601, as "PT5M"'
)
_NOT_IN_A_LINE = {"Cc", "Zl", "Zp"}
"""Unicode's categories of control characters (NUL, line feed, escape) and of line and paragraph separators."""

_BITS = 64
"""Of the largest whole number that is looked at; what has thousands of digits cannot even be shown."""


def strictly(model: type[BaseModel], data: Mapping[str, Any], at: str = "") -> Iterator[Problem]:
    """Find what the contract would let pass: unknown keys, other spans, other booleans, odd texts."""
    for key, value in data.items():
        where = f"{at}.{key}" if at else key
        field = model.model_fields.get(key)
        if field is None:
            yield where, _unknown(key, model)
        else:
            yield from _value(field.annotation, value, where)


def _value(declared: object, value: object, where: str) -> Iterator[Problem]:
    annotation = _plain(declared)
    inner = get_args(annotation)
    if annotation is timedelta:
        if not _is_span(value):
            yield where, f"{shown(value)} {_SPAN_ADVICE}"
    elif annotation is bool:
        if not isinstance(value, bool):
            yield where, f"{shown(value)} is neither true nor false; write one of them without quotes"
    elif isinstance(value, str):
        yield from _text(value, where)
    elif isinstance(value, dict) and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from strictly(annotation, value, where)
    elif isinstance(value, list) and inner:
        for number, one in enumerate(value, start=1):
            yield from _value(inner[0], one, f"{where}[{number}]")


def _plain(annotation: object) -> object:
    """Return a type without its conditions, and without the None of what may be left out."""
    inner = [one for one in get_args(annotation) if one is not NoneType]
    if get_origin(annotation) is Annotated or (get_origin(annotation) in {Union, UnionType} and len(inner) == 1):
        return _plain(inner[0])
    return annotation


def _text(value: str, where: str) -> Iterator[Problem]:
    """Texts go into mail subjects and into a database that keeps no NUL, so each is one line of ordinary characters."""
    if not value.strip():
        yield where, "is empty; write what people shall read"
    for sign in value:
        if category(sign) in _NOT_IN_A_LINE:
            yield where, f"contains the character U+{ord(sign):04X}; take it out and write the text on one line"
            return


def _is_span(value: object) -> bool:
    if not (isinstance(value, str) and _SPAN_FORM.fullmatch(value)):
        return False
    try:
        _SPAN.validate_python(value)
    except ValidationError:  # longer than a policy may have it, or less than a microsecond
        return False
    return True


def _unknown(key: str, model: type[BaseModel]) -> str:
    known = list(model.model_fields)
    return f"there is no such key{did_you_mean(key, known)}; the keys here are {', '.join(known)}"


def too_large(value: object, where: str = "") -> Iterator[Problem]:
    """Find whole numbers that are too large to be shown, in TOML that may hold anything."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from too_large(inner, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            yield from too_large(inner, f"{where}[{number}]")
    elif isinstance(value, int) and value.bit_length() > _BITS:
        yield where, "is a number of far too many digits; a policy writes spans as text and has no other numbers"
