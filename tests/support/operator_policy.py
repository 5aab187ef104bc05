"""The policy of the system tests: Stepping Stones' own ladders and gate, with spans of seconds instead of minutes."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain, repeat
from typing import Any

from deploy.database import ROOT
from deploy.policy_files import load_policy
from shared.contracts.policy import Policy

FILE = ROOT / "policies" / "stepping-stones.toml"


def seconds(number: float) -> timedelta:
    """Return a span."""
    return timedelta(seconds=number)


INTERVAL, GRACE, WAIT = seconds(3), seconds(0.5), seconds(1.5)
"""What stories need that are not about spans: short, and longer than a busy machine takes to notice."""

LONG = seconds(60)
"""Longer than a story."""


def policy(
    *,
    interval: timedelta = INTERVAL,
    grace: timedelta = GRACE,
    waits: tuple[timedelta, ...] = (WAIT,),
    lasts: timedelta = LONG,
    repeats: timedelta = LONG,
) -> Policy:
    """Return it with these spans. ``waits`` are those of the steps, of every ladder; the last one is that of the rest.

    ``lasts`` is how long an acknowledgement holds, ``repeats`` how often an exhausted ladder tells everyone.
    """
    content = load_policy(FILE).model_dump()
    content["check_ins"]["interval"]["span"] = interval
    content["check_ins"]["grace"]["span"] = grace
    content["check_ins"]["remind_before"]["span"] = interval / 2
    content["ladders"] = tuple(_ladder(ladder, waits, lasts, repeats) for ladder in content["ladders"])
    return Policy.model_validate(content)


def _ladder(
    ladder: dict[str, Any], waits: tuple[timedelta, ...], lasts: timedelta, repeats: timedelta
) -> dict[str, Any]:
    each = chain(waits, repeat(waits[-1]))
    return {
        **ladder,
        "steps": tuple({**step, "wait": wait} for step, wait in zip(ladder["steps"], each, strict=False)),
        "acknowledgement_lasts": {**ladder["acknowledgement_lasts"], "span": lasts},
        "repeat_every": {**ladder["repeat_every"], "span": repeats},
    }
