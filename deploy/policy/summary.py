"""A policy in numbers, for programs: what ``lonewatch policy check --json`` ends with. Pure: a policy in, JSON out."""

from __future__ import annotations

from datetime import timedelta

from deploy.policy.files import sha256
from deploy.policy.gaps import gaps
from deploy.policy.ladders import unanswered
from deploy.policy.meaning import defaults
from shared.contracts.ladders import Ladder
from shared.contracts.policy import Awaits, Policy


def summary(policy: Policy) -> dict[str, object]:
    """Return what a policy says, with spans in seconds."""
    return {
        "policy_id": policy.policy_id,
        "sha256": sha256(policy),
        "approval": policy.approval.model_dump(mode="json"),
        "interval_seconds": _seconds(policy.check_ins.interval.span),
        "grace_seconds": _seconds(policy.check_ins.grace.span),
        "remind_before_seconds": _seconds(policy.check_ins.remind_before.span),
        "awaits": _awaits(policy.awaits),
        "ladders": {ladder.trigger: _ladder(ladder) for ladder in policy.ladders},
        "ours": defaults(policy),
        "gaps": gaps(policy),
    }


def _awaits(awaits: Awaits) -> dict[str, dict[str, float]]:
    """Return the seconds of each span; what is not awaited is left out."""
    return {
        what: {f"{key}_seconds": _seconds(span) for key, span in awaited if isinstance(span, timedelta)}
        for what, awaited in awaits
        if awaited is not None
    }


def _ladder(ladder: Ladder) -> dict[str, object]:
    starts, exhausted = unanswered(ladder)
    shown = {"key", "name", "notify", "task", "cites"}
    return {
        "steps": [
            {"after_seconds": None if start is None else _seconds(start), **step.model_dump(mode="json", include=shown)}
            for start, step in zip(starts, ladder.steps, strict=True)
        ],
        "exhausted_after_seconds": _seconds(exhausted),
        "repeat_every_seconds": _seconds(ladder.repeat_every.span),
        "acknowledgement_lasts_seconds": _seconds(ladder.acknowledgement_lasts.span),
    }


def _seconds(span: timedelta) -> float:
    return span.total_seconds()
