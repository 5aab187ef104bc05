"""Decide whether an assessment of risk may be recorded. Whether it allows a visit is decided with the visit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from shared.contracts.base import Event, Sealed
from shared.contracts.roles import RESPONDERS, Role
from shared.contracts.visits import AssessmentRecorded
from shared.decider import Decider, Rejected, no_deadlines


@dataclass(frozen=True)
class RecordAssessment:
    """Record how the risk of lone work at a site was assessed; it replaces an earlier one with its id.

    ``roles`` are those of whoever records it, at the site. ``valid_for`` is the longest that the site's policy lets it
    count; ``valid_until_at`` may say less.
    """

    assessment_id: str
    site_id: str
    outcome: Literal["acceptable", "cannot_be_managed"]
    factors: tuple[str, ...]
    assessed_by: tuple[str, ...]
    roles: frozenset[Role]
    valid_for: timedelta
    site_known: bool
    assessors_known: bool
    now: datetime
    valid_until_at: datetime | None = None
    controls: tuple[Sealed, ...] = ()
    notes: Sealed | None = None


@dataclass(frozen=True)
class Assessment:
    """The assessment that counts, or none yet."""

    current: AssessmentRecorded | None = None


def decide(command: RecordAssessment, assessment: Assessment) -> list[Event]:
    """Return the record; nothing where it is the current one. Raises Rejected where a rule says no."""
    latest = command.now + command.valid_for
    recorded = AssessmentRecorded(
        assessment_id=command.assessment_id,
        site_id=command.site_id,
        outcome=command.outcome,
        factors=command.factors,
        controls=command.controls,
        assessed_by=command.assessed_by,
        valid_until_at=(command.valid_until_at or latest).astimezone(UTC),
        notes=command.notes,
    )
    if assessment.current == recorded:
        return []
    if not command.site_known:
        raise Rejected("site_unknown")
    if assessment.current is not None and assessment.current.site_id != command.site_id:
        raise Rejected("assessment_of_another_site")
    if assessment.current is not None and not command.roles & RESPONDERS:
        raise Rejected("not_a_responder")  # a start rests on whatever replaces what was approved
    if not command.assessed_by:
        raise Rejected("no_assessor")
    if not command.assessors_known:
        raise Rejected("worker_unknown")
    if recorded.valid_until_at <= command.now:
        raise Rejected("valid_until_in_the_past")
    if recorded.valid_until_at > latest:
        raise Rejected("valid_for_too_long")
    return [recorded]


def evolve(assessment: Assessment, event: Event) -> Assessment:
    """Return the assessment after an event."""
    return Assessment(event) if isinstance(event, AssessmentRecorded) else assessment


ASSESSMENT = Decider(Assessment(), decide, evolve, no_deadlines)
"""The decider of an ``assessment-…`` stream."""
