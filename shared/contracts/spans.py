"""Spans as policies write them: ``5 minutes`` in a policy file, ISO 8601 on the wire."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from shared.contracts.base import Cites, Contract

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_SPAN = re.compile(r"^(\d+(?:\.\d+)?) (second|minute|hour|day)s?$")

LONGEST = timedelta(days=366)
"""The longest span of a policy: a year, whichever. No instant that is reckoned with it leaves the calendar."""


def _read_span(value: object, read: ValidatorFunctionWrapHandler) -> timedelta:
    """Read ``5 minutes``; leave anything else to pydantic, which reads ISO 8601 and raises OverflowError on its way."""
    try:
        if isinstance(value, str) and (found := _SPAN.match(value)):
            value = timedelta(seconds=float(found[1]) * _UNITS[found[2]])
        span: timedelta = read(value)
    except OverflowError:
        raise ValueError("is longer than can be counted") from None
    return span


Span = Annotated[timedelta, Field(gt=timedelta(0), le=LONGEST), WrapValidator(_read_span)]
"""A span above zero, and no longer than ``LONGEST``."""


class Timed(Contract):
    """A span that a rule sets."""

    span: Span
    cites: Cites
