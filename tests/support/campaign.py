"""How large a test is: small at every landing, large in ``make prove``. The rule it holds is the same."""

from __future__ import annotations

import os

import pytest

PROVING = os.environ.get("LONEWATCH_PROVE") == "1"
"""Whether this run is a campaign, which may take an hour."""


def campaign(reason: str) -> pytest.MarkDecorator:
    """Mark what runs in ``make prove`` alone, and why nothing is lost without it at a landing."""
    return pytest.mark.skipif(not PROVING, reason=f"{reason}: make prove")


def size(landing: int, proof: int) -> int:
    """Return how many of something a test makes: ``landing`` in ``make test``, ``proof`` in ``make prove``."""
    return proof if PROVING else landing
