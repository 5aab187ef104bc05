"""What must hold before somebody may work alone: who approves, what the assessment says, what the worker sees."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from shared.contracts.policy import Approval, Gate
from shared.contracts.roles import Role
from shared.contracts.visits import AssessmentRecorded, VisitPlanned
from shared.decider import Rejected


def check_approver(plan: VisitPlanned, by: str, roles: frozenset[Role], approval: Approval) -> None:
    """Raise Rejected unless this person may say yes or no to the visit."""
    if by == plan.worker_id:
        raise Rejected("own_visit")
    if not roles & set(approval.roles):
        raise Rejected("not_an_approver")


def check_assessment(
    plan: VisitPlanned, assessment: AssessmentRecorded | None, gate: Gate, now: datetime
) -> AssessmentRecorded:
    """Return the assessment. Raises Rejected unless it allows the visit, now and through its expected end."""
    if assessment is None:
        raise Rejected("no_assessment")
    if assessment.site_id != plan.site_id:
        raise Rejected("assessment_of_another_site")
    if assessment.outcome != "acceptable":
        raise Rejected("risk_cannot_be_managed")
    if assessment.valid_until_at < max(now, plan.expected_end_at):
        raise Rejected("assessment_expired")
    if not set(gate.factors) <= set(assessment.factors):
        raise Rejected("assessment_incomplete")
    return assessment


def check_answers(answers: Mapping[str, bool], gate: Gate) -> None:
    """Raise Rejected unless every question is answered and no answer is a no, to whatever question."""
    if not set(gate.dynamic_questions) <= set(answers):
        raise Rejected("dynamic_assessment_incomplete")
    if not all(answers.values()):
        raise Rejected("not_safe_to_start")
