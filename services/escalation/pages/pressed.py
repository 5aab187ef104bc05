"""What a form sends: which button was pressed, and what was chosen and typed with it. Reads; decides nothing.

A fact belongs to one outcome, so its field is called ``left_at.left``; the answer to a question is ``answer.<its code>``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, get_args

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData

from services.escalation.application import Said
from shared.contracts.base import EARLIEST, LATEST, Code, Id
from shared.contracts.ladders import MOST, Fact
from shared.contracts.tasks import Answer
from shared.runtime.ids import new_id

FACTS: tuple[Fact, ...] = get_args(Fact)

INSTANTS: tuple[Fact, ...] = ("left_at", "called_at")
"""Facts that are instants; a page takes them in UTC."""

Words = Annotated[str, Field(max_length=20_000)]

ENDED_WITHOUT = {
    "resolve": "Choose how you know it, and tick that you confirm it. Nothing has been sent.",
    "stand_down": "Choose why it was a false alarm. Nothing has been sent.",
    "do_task": "Press what came of it. Nothing has been sent.",
    "hand_over_task": "Choose who is to take it over. Nothing has been sent.",
}


class Pressed(BaseModel):
    """One of the buttons, and what was chosen with it."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["acknowledge", "resolve", "stand_down", "take_task", "hand_over_task", "give_back_task", "do_task"]
    how: Code | Literal[""] = ""
    confirmed: Literal["yes", ""] = ""
    reason: Code | Literal[""] = ""
    task: Annotated[str, Field(pattern=r"^([0-9]{1,6}-[0-9]{1,6})?$")] = ""
    to: Id | Literal[""] = ""
    outcome: Code | Literal[""] = ""
    answers: Annotated[dict[Code, Answer], Field(max_length=MOST)] = Field(default_factory=dict)
    facts: dict[Fact, Words] = Field(default_factory=dict)
    """Of the outcome that was pressed, as they were typed."""
    note: Words = ""
    triggers_seen: Annotated[int, Field(ge=1)] | None = None
    """What the page showed: what joined later is neither taken nor ended."""
    press: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", default_factory=new_id)]
    """Made when the page was: the same button pressed twice is one request."""

    @property
    def lacks(self) -> str | None:
        """What has to be chosen before this button means something."""
        chosen = {
            "resolve": self.how and self.confirmed,
            "stand_down": self.reason,
            "do_task": self.outcome,
            "hand_over_task": self.to,
        }
        if not chosen.get(self.action, True):
            return ENDED_WITHOUT[self.action]
        if any(self.facts.get(fact, "").strip() and self._instant(fact) is None for fact in INSTANTS):
            return "Give the time as day, month, year, hour and minute, in UTC. Nothing has been sent."
        return None

    @property
    def request_id(self) -> str:
        """The id of the request: another outcome of the same task is another request, and none is mistaken for a repeat."""
        return ".".join(part for part in (self.press, self.action, self.task, self.outcome) if part)

    @property
    def said(self) -> Said:
        """What came of a task."""
        return Said(
            outcome=self.outcome,
            answers=self.answers,
            left_at=self._instant("left_at"),
            called_at=self._instant("called_at"),
            reference=self.facts.get("reference", "").strip() or None,
            note=self.note.strip() or None,
            triggers_seen=self.triggers_seen,
        )

    def _instant(self, fact: Fact) -> datetime | None:
        """Return an instant as it was typed, in UTC; None where that is none within reach."""
        try:
            typed = datetime.fromisoformat(self.facts.get(fact, "").strip())
            instant = typed.replace(tzinfo=UTC) if typed.tzinfo is None else typed.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return instant if EARLIEST <= instant < LATEST else None


def typed_in(form: FormData) -> Mapping[str, str]:
    """Return what a form sent, field by field, to be shown again. Files are no part of a form of ours."""
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


def pressed_in(typed: Mapping[str, str]) -> Pressed:
    """Return which button was pressed, and with what. Raises RequestValidationError."""
    plain: dict[str, object] = {}
    answers: dict[str, str] = {}
    facts: dict[str, dict[str, str]] = defaultdict(dict)
    for name, value in typed.items():
        kind, dot, of = name.partition(".")
        if dot and kind == "answer" and value:
            answers[of] = value
        elif dot and kind in FACTS:
            facts[of][kind] = value
        elif not dot:
            plain[name] = value
    given = facts.get(typed.get("outcome", ""), {})
    try:
        return Pressed.model_validate(plain | {"answers": answers, "facts": given})
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False)) from None
