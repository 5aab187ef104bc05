"""An operator's lone-working policy as data: what the five policies say differently is a value here, never code.

Every rule cites where it comes from (``Cites``); a rule with ``ours`` fills what the policy leaves open. Spans stand in
``spans``, the steps of a ladder in ``ladders``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from shared.contracts.base import Cites, Code, Contract, Id, Line
from shared.contracts.ladders import GRAVITY, MOST, REQUIRED, STANDS_IN, Ladder
from shared.contracts.roles import Role
from shared.contracts.spans import Span, Timed


class CheckIns(Contract):
    """When check-ins fall due, and what surrounds them."""

    interval: Timed
    """The longest time between two check-ins. A visit may agree a shorter one."""
    grace: Timed
    """How long after the agreed time a check-in is still in time."""
    remind_before: Timed
    """How long before the agreed time the worker is reminded; there is a second reminder at the time itself."""
    cites: Cites


class Approval(Contract):
    """Who approves a visit before it starts."""

    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=MOST)]
    cites: Cites


class Gate(Contract):
    """What the assessment of risk must cover before a visit may start."""

    factors: Annotated[tuple[Code, ...], Field(max_length=MOST)]
    """Factors that an assessment must speak to."""
    factors_cites: Cites
    valid_for: Timed
    dynamic_questions: Annotated[tuple[Code, ...], Field(max_length=MOST)]
    """What the worker answers at each start; one ``no`` and the visit does not start."""
    questions_cites: Cites


class AwaitedApproval(Contract):
    """When somebody is told that nobody has decided about a visit."""

    before_start: Span
    """This long before the planned start …"""
    after_plan: Span
    """… and never sooner than this after the visit was planned."""
    cites: Cites


class Awaited(Contract):
    """When the worker is reminded of what has not come, and when others are told."""

    remind_after: Span | None = None
    """From the agreed time; None for no reminder."""
    tell_after: Span
    """From the agreed time."""
    cites: Cites


class Awaits(Contract):
    """What is awaited beside check-ins. What is left out is not awaited."""

    approval: AwaitedApproval | None = None
    start: Awaited | None = None
    """From the planned start of an approved visit."""
    end: Awaited | None = None
    """From the expected end, as the worker gave it last."""
    report: Awaited | None = None
    """The worker's report of how it went, from the end of the visit."""


class UnsafeEnds(Contract):
    """Reasons for ending a visit early that tell somebody: the worker left because it was not safe."""

    reasons: Annotated[tuple[Code, ...], Field(min_length=1, max_length=MOST)]
    cites: Cites


class Policy(Contract):
    """One version of an operator's policy."""

    policy_id: Id
    title: Line
    organisation: Line
    text: Line
    """Which document this is, with its date."""
    check_ins: CheckIns
    approval: Approval
    gate: Gate
    awaits: Awaits = Awaits()
    unsafe_ends: UnsafeEnds | None = None
    ladders: Annotated[tuple[Ladder, ...], Field(min_length=1)]
    clauses: dict[Line, Line] = Field(default_factory=dict)
    """The clauses that the rules cite, each in a few words of ours: what a page or an auditor can show beside a step."""

    @model_validator(mode="after")
    def _one_ladder_per_trigger(self) -> Policy:
        triggers = [ladder.trigger for ladder in self.ladders]
        missing = sorted(set(REQUIRED) - set(triggers))
        if missing or len(triggers) != len(set(triggers)):
            wrong = f"no ladder for {', '.join(missing)}" if missing else "two ladders for one trigger"
            message = f"{wrong}: give exactly one [[ladders]] for each of {', '.join(REQUIRED)}"
            raise ValueError(message)
        return self

    def ladder_for(self, trigger: str) -> Ladder:
        """Return the ladder of a trigger, or the one that stands in where the policy has none for it.

        Raises KeyError for what is no trigger of a visit.
        """
        if trigger not in GRAVITY or trigger == "system":
            raise KeyError(trigger)
        by_trigger: dict[str, Ladder] = {ladder.trigger: ladder for ladder in self.ladders}
        return by_trigger.get(trigger) or by_trigger[STANDS_IN.get(trigger, "check_in_missed")]
