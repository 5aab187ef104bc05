"""What requests look like: bounded, closed, personal texts as secrets that no line and no answer repeats."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from services.escalation.application import Application
from shared.contracts.base import Code, GivenInstant, Id
from shared.contracts.ladders import MOST
from shared.contracts.tasks import Answer

Note = Annotated[SecretStr, Field(min_length=1, max_length=2000)]
"""What somebody adds in their own words; sealed under the key of the worker whom it is about."""

Told = Annotated[SecretStr, Field(max_length=20_000)]
"""The same beside what came of a task: as long as anybody dictates it, for a code word may stand beside it."""


def _none_if_blank(text: object) -> object:
    return None if isinstance(text, str) and not text.strip() else text


Reference = Annotated[SecretStr | None, Field(max_length=200), BeforeValidator(_none_if_blank)]
"""Under which the emergency services have it; sealed likewise. Blanks are none."""


class Body(BaseModel):
    """What is not known is refused: it may be a mistyped fact that somebody counts on."""

    model_config = ConfigDict(extra="forbid")


class Seen(Body):
    """What somebody knew of when they decided."""

    triggers_seen: Annotated[int, Field(ge=1)] | None = None
    """As the escalation showed it. What joined later is neither taken nor ended; without it, all there is."""


class Resolution(Seen):
    """The worker is safe; of an escalation about Lonewatch itself, that it is put right."""

    confirmed_by: Id
    how: Code
    note: Note | None = None


class FalseAlarm(Seen):
    """There was no danger."""

    reason: Code
    note: Note | None = None


class Handover(Body):
    """Who is asked to take a task."""

    to: Id


class Outcome(Seen):
    """What came of a task."""

    outcome: Code
    answers: Annotated[dict[Code, Answer], Field(max_length=MOST)] = Field(default_factory=dict)
    """To the questions of the task, by their codes."""
    left_at: GivenInstant | None = None
    """When the worker left, as a contact said it."""
    called_at: GivenInstant | None = None
    """When emergency services were called."""
    reference: Reference = None
    note: Told | None = None


def clear(text: SecretStr | None) -> str | None:
    """Return what a secret holds."""
    return None if text is None else text.get_secret_value()


def _application(request: Request) -> Application:
    return cast("Application", request.app.state.application)


App = Annotated[Application, Depends(_application)]
