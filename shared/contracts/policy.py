"""An operator's lone-working policy as data: what the five policies say differently is a value here, never code.

Every rule cites where it comes from (``Cites``); a rule with ``ours`` fills what the policy leaves open. Spans are
written as people write them (``5 minutes``) in a policy file and as ISO 8601 on the wire.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from shared.contracts.base import Cites, Code, Contract, Id, Line
from shared.contracts.roles import Role

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_SPAN = re.compile(r"^(\d+(?:\.\d+)?) (second|minute|hour|day)s?$")


LONGEST = timedelta(days=366)
"""The longest span of a policy: a year, whichever. No instant that is reckoned with it leaves the calendar."""

MOST = 100
"""Entries of one list of a policy: what an assessment may speak to and a start may answer."""


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

Trigger = Literal[
    "approval_overdue",
    "report_overdue",
    "start_overdue",
    "end_overdue",
    "system",
    "trouble",
    "check_in_missed",
    "help",
]
"""What opens an escalation, or joins one that is open."""

GRAVITY: dict[str, int] = {
    "approval_overdue": 0,
    "report_overdue": 0,
    "start_overdue": 1,
    "end_overdue": 1,
    "system": 2,
    "trouble": 2,
    "check_in_missed": 3,
    "help": 4,
}
"""Which trigger is graver: a graver one that joins starts its own ladder."""

REQUIRED = ("check_in_missed", "help")
"""The triggers for which every policy has a ladder; the others go by the one for a missed check-in unless they have one."""

AWAITED: frozenset[Trigger] = frozenset({"approval_overdue", "report_overdue", "start_overdue", "end_overdue"})
"""Triggers that end by themselves: what was awaited may still come, and then nobody needs to be reached any more."""


class Timed(Contract):
    """A span that a rule sets."""

    span: Span
    cites: Cites


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


class Step(Contract):
    """One step of a ladder: these roles are told, then the next step follows after ``wait``."""

    name: Line
    notify: Annotated[tuple[Role, ...], Field(min_length=1, max_length=MOST)]
    wait: Span
    """From the dispatch of this step to the next one, whatever became of this one."""
    cites: Cites
    wait_cites: Cites


class Ladder(Contract):
    """Who is told, in which order, when one trigger comes."""

    trigger: Trigger
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MOST)]
    acknowledgement_lasts: Timed
    """After this an acknowledgement without an end runs out and the ladder alarms again."""
    repeat_every: Timed
    """How often an exhausted ladder tells everyone of the site again."""
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
    ladders: Annotated[tuple[Ladder, ...], Field(min_length=1)]

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
        """Return the ladder of a trigger, or the one for a missed check-in where the policy has none for it.

        Raises KeyError for what is no trigger of a visit.
        """
        if trigger not in GRAVITY or trigger == "system":
            raise KeyError(trigger)
        by_trigger: dict[str, Ladder] = {ladder.trigger: ladder for ladder in self.ladders}
        return by_trigger.get(trigger) or by_trigger["check_in_missed"]
