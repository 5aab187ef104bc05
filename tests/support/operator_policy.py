"""The policy of the system tests: Stepping Stones' own ladders and gate, with spans of seconds instead of minutes.

Most stories are about who is told when, not about tasks: for them each step tells people, and nobody has a task.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from deploy.database import ROOT
from deploy.policy.files import load_policy
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
    tasks: bool = False,
    file: Path = FILE,
) -> Policy:
    """Return it with these spans. ``waits`` are those of the steps, of every ladder; the last one is that of the rest.

    ``lasts`` is how long an acknowledgement holds, ``repeats`` how often an exhausted ladder tells everyone. With ``tasks``
    the steps that are tasks stay tasks: taken within a third of their wait and finished within a half of it, and what an
    outcome lets wait waits for a half of it too.
    """
    content = load_policy(file).model_dump()
    content["check_ins"]["interval"]["span"] = interval
    content["check_ins"]["grace"]["span"] = grace
    content["check_ins"]["remind_before"]["span"] = interval / 2
    content["ladders"] = tuple(
        _ladder(ladder if tasks else _telling(ladder), waits, lasts, repeats) for ladder in content["ladders"]
    )
    return Policy.model_validate(content)


def _telling(ladder: dict[str, Any]) -> dict[str, Any]:
    """Return the ladder without tasks and jumps. Asking the same people of the same thing once more is no step of it."""
    steps = tuple(_told(step) for step in ladder["steps"] if not _asks_again(step))
    return {**ladder, "steps": steps}


def _asks_again(step: dict[str, Any]) -> bool:
    return str(step["key"]).endswith("_again")


def _told(step: dict[str, Any]) -> dict[str, Any]:
    """Return a step that tells whom its task is offered to first; for emergency services everyone that it may come to."""
    task = step["task"]
    if task is None:
        return {**step, "key": None, "then": None}
    everyone = task["calls"] == "emergency_services"
    return {**step, "key": None, "then": None, "task": None, "notify": task["who"] if everyone else task["who"][:1]}


def _ladder(
    ladder: dict[str, Any], waits: tuple[timedelta, ...], lasts: timedelta, repeats: timedelta
) -> dict[str, Any]:
    each = chain(waits, repeat(waits[-1]))
    return {
        **ladder,
        "steps": tuple(_timed(step, wait) for step, wait in zip(ladder["steps"], each, strict=False)),
        "acknowledgement_lasts": {**ladder["acknowledgement_lasts"], "span": lasts},
        "repeat_every": {**ladder["repeat_every"], "span": repeats},
    }


def _timed(step: dict[str, Any], wait: timedelta) -> dict[str, Any]:
    task = step["task"]
    if task is None:
        return {**step, "wait": wait}
    outcomes = tuple({**one, "after": one["after"] and wait / 2} for one in task["outcomes"])
    spans = {
        "take_within": {**task["take_within"], "span": wait / 3},
        "finish_within": {**task["finish_within"], "span": wait / 2},
    }
    return {**step, "wait": wait, "task": {**task, **spans, "outcomes": outcomes}}
