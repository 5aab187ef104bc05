"""What requests about visits look like."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StrictBool

from services.checkin.api.models import Body, Note, Short
from services.checkin.api.person_models import ShownPin
from shared.contracts.base import Code, GivenInstant, Id

_LONGEST_INTERVAL = timedelta(days=7)
"""Between two check-ins; every policy demands them more often, and the policy is asked next."""


class ContactBody(Body):
    """Somebody whom a visit's plan names."""

    relation: Code
    name: Short
    phone: Short


class Claim(Body):
    """What every command on a visit may carry: when, by the device's clock, it was meant."""

    occurred_at: GivenInstant | None = None


class PinnedClaim(Claim):
    """What comes with a PIN of whoever has PINs. Whether it is the person's or the one for duress is told nobody here."""

    pin: ShownPin | None = None


class PlanBody(Claim):
    """A new visit."""

    site_id: Id
    worker_id: Id
    kind: Code
    starts_at: GivenInstant
    expected_end_at: GivenInstant
    interval: Annotated[timedelta, Field(gt=timedelta(0), le=_LONGEST_INTERVAL)] | None = None
    assessment_id: Id | None = None
    place: Note | None = None
    contacts: Annotated[tuple[ContactBody, ...], Field(max_length=20)] = ()
    equipment: Annotated[tuple[Code, ...], Field(max_length=20)] = ()


class ApprovalBody(Claim):
    """An approval; the assessment that it rests on, where it is not the plan's."""

    assessment_id: Id | None = None


class RefusalBody(Claim):
    """Why a visit is refused."""

    reason: Code
    note: Note | None = None


class StartBody(Claim):
    """The answers to the policy's questions about the risk on the spot."""

    dynamic_assessment: Annotated[dict[Code, StrictBool], Field(default_factory=dict, max_length=100)]


class ExtensionBody(PinnedClaim):
    """A new expected end."""

    expected_end_at: GivenInstant


class EndBody(PinnedClaim):
    """Why a visit ended."""

    reason: Code = "completed"


class ReportBody(Claim):
    """How a visit went: ``well``, or in one word what it was instead."""

    went: Code
    note: Note | None = None


class CancellationBody(Claim):
    """Why a visit is called off."""

    reason: Code
