"""What requests to checkin look like: bounded, closed, personal texts as secrets that no line and no answer repeats."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from fastapi import Depends, Path, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from services.checkin.application import Application
from shared.contracts.base import Code, GivenId, GivenInstant, Id, Line
from shared.contracts.ladder_rules import Problem, ladder_problems
from shared.contracts.ladders import Ladder
from shared.contracts.policy import Policy
from shared.contracts.policy_rules import problems_of
from shared.contracts.roles import Role
from shared.contracts.visits import Channel

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that nobody sees: controls, ends of lines, and what turns the direction of all that follows."""


def _plain(text: SecretStr) -> SecretStr:
    if _UNSEEN.search(text.get_secret_value()):
        raise ValueError("has a character that nobody sees and that changes how what follows is read: take it out")
    return text


Short = Annotated[SecretStr, Field(min_length=1, max_length=200), AfterValidator(_plain)]
"""A name, a number, an address: personal, one line, which goes into messages beside other words."""

Note = Annotated[SecretStr, Field(min_length=1, max_length=4000)]
"""What somebody writes freely: personal until shown otherwise."""

Control = Annotated[SecretStr, Field(min_length=1, max_length=500)]
"""What is done against a risk: a sentence, which may name people."""

Address = Annotated[SecretStr, Field(min_length=3, max_length=2000)]

VisitId = Annotated[Id, Path()]
SiteId = Annotated[Id, Path()]
WorkerId = Annotated[Id, Path()]
TokenId = Annotated[Id, Path()]


def clear(text: SecretStr | None) -> str | None:
    """Return what a secret holds."""
    return None if text is None else text.get_secret_value()


async def _application(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


App = Annotated[Application, Depends(_application)]
"""The application behind a route."""


class Body(BaseModel):
    """A request's body: nothing in it that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteBody(Body):
    """A new site."""

    site_id: GivenId | None = None
    name: Line
    policy_id: Id


def _for_the_system(ladder: Ladder) -> Ladder:
    if ladder.trigger != "system":
        raise ValueError("the operator's own ladder is for the trigger system; ladders for others stand in a policy")
    _without(list(ladder_problems(ladder, "ladder")))
    return ladder


def _sound(policy: Policy) -> Policy:
    _without(problems_of(policy))
    return policy


def _without(problems: list[Problem]) -> None:
    """Raise ValueError with each problem: where it is, what is wrong, and what to do."""
    if problems:
        raise ValueError("; ".join(f"{where}: {what}" for where, what in problems))


SystemLadder = Annotated[Ladder, AfterValidator(_for_the_system)]
"""The operator's own ladder."""

SoundPolicy = Annotated[Policy, AfterValidator(_sound)]
"""A policy that can be carried out: no rule of it contradicts another, or leads nowhere."""


class GrantBody(Body):
    """A role for a person."""

    worker_id: Id
    role: Role


class AssessmentBody(Body):
    """An assessment of the risk of lone work at a site."""

    assessment_id: GivenId | None = None
    site_id: Id
    outcome: Literal["acceptable", "cannot_be_managed"]
    factors: Annotated[tuple[Code, ...], Field(max_length=100)]
    controls: Annotated[tuple[Control, ...], Field(max_length=100)] = ()
    assessed_by: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
    valid_until_at: GivenInstant | None = None
    notes: Note | None = None


class WorkerBody(Body):
    """A new person."""

    worker_id: GivenId | None = None
    site_id: Id
    name: Short


class ContactPointBody(Body):
    """A way to reach a person."""

    channel: Channel
    address: Address
    secret: Short | None = None

    @model_validator(mode="after")
    def _address_fits(self) -> ContactPointBody:
        address = self.address.get_secret_value()
        if not address.isprintable() or " " in address:
            raise ValueError("an address has no spaces and no control characters")
        if self.channel == "mail" and not all(address.partition("@")):
            raise ValueError("a mail address is written name@domain")
        if self.channel == "webhook" and not address.startswith(("https://", "http://")):
            raise ValueError("a webhook's address begins with https:// or http://")
        return self


class ContactPointsBody(Body):
    """How a person is reached: the whole list."""

    contact_points: Annotated[tuple[ContactPointBody, ...], Field(max_length=20)]
