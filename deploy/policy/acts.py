"""What is said in a simulation: the trigger that comes, and what came of a task, with made-up facts where it needs some."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.escalation.domain import Directory, Raise, TaskResult
from shared.contracts.base import Sealed
from shared.contracts.ladders import Outcome, Trigger
from shared.contracts.policy import Policy

_BEFORE = timedelta(minutes=20)
"""How long ago the worker left, as a made-up contact says."""

_REFERENCE = Sealed(kid="made-up", nonce="made-up", ct="made-up")
"""Under which emergency services know of it: nobody reads it here."""


def result_of(outcome: Outcome, now: datetime) -> TaskResult:
    """Return what whoever did a task says, with the facts that the outcome must come with."""
    result = TaskResult(outcome.code, {})
    if "left_at" in outcome.records:
        result = replace(result, left_at=now - _BEFORE)
    if "called_at" in outcome.records:
        result = replace(result, called_at=now)
    if "reference" in outcome.records:
        result = replace(result, reference=_REFERENCE)
    return result


def raised_by(policy: Policy, trigger: Trigger, event_id: str, directory: Directory, now: datetime) -> Raise:
    """Return a trigger that comes now, with the ladder that the policy has for it."""
    return Raise(
        trigger=trigger,
        trigger_event_id=event_id,
        visit_id="visit",
        worker_id="worker",
        site_id="site",
        due_at=now if trigger == "check_in_missed" else None,
        policy_id=policy.policy_id,
        policy_version=1,
        ladder=policy.ladder_for(trigger),
        directory=directory,
        now=now,
    )
