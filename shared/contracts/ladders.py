"""What a policy says of a ladder: its steps, which tell people or give a person a task, and where each outcome leads.

A part of ``policy``. It is frozen into the event that opens an escalation, so what an old record has must go on reading.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.base import Cites, Code, Contract, Line
from shared.contracts.roles import Role
from shared.contracts.spans import Span, Timed

MOST = 100
"""Entries of one list of a policy: what an assessment may speak to, a start may answer, a ladder may hold."""

Trigger = Literal[
    "approval_overdue",
    "report_overdue",
    "start_overdue",
    "end_overdue",
    "unplanned",
    "system",
    "trouble",
    "safeguarding",
    "check_in_missed",
    "unsafe",
    "break_in",
    "help",
    "duress",
]
"""What opens an escalation, or joins one that is open."""

Situation = Literal["unplanned", "safeguarding", "unsafe", "break_in"]
"""Triggers that somebody reports: unexpectedly alone, a matter of safeguarding, an unsafe or threatening place, a suspected
break-in."""

GRAVITY: dict[str, int] = {
    "approval_overdue": 0,
    "report_overdue": 0,
    "start_overdue": 1,
    "end_overdue": 1,
    "unplanned": 1,
    "system": 2,
    "trouble": 2,
    "safeguarding": 2,
    "check_in_missed": 3,
    "unsafe": 4,
    "break_in": 4,
    "help": 5,
    "duress": 6,
}
"""Which trigger is graver: a graver one that joins starts its own ladder."""

APART: frozenset[str] = frozenset({"safeguarding"})
"""Triggers whose ladder reaches other people than the rest: it starts, once, whatever ladder runs."""

STANDS_IN: dict[str, str] = {
    "unplanned": "help",
    "safeguarding": "help",
    "unsafe": "help",
    "break_in": "help",
    "duress": "help",
}
"""By which ladder a trigger goes where the policy has none for it; every other goes by the one for a missed check-in. Never
that one for duress: it rings the worker, who is not alone."""

REQUIRED = ("check_in_missed", "help")
"""The triggers for which every policy has a ladder."""

AWAITED: frozenset[Trigger] = frozenset({"approval_overdue", "report_overdue", "start_overdue", "end_overdue"})
"""Triggers that end by themselves: what was awaited may still come, and then nobody needs to be reached any more."""

Call = Literal["worker_mobile", "worker_home", "visit_contacts", "emergency_services"]
"""Whom a task rings: then its page shows the numbers, or for emergency services what to read out."""

Fact = Literal["left_at", "called_at", "reference"]
"""What an outcome must come with: when the worker left, when emergency services were called, under which reference."""

NEXT, RESOLVED, ACKNOWLEDGED, EXHAUSTED = "next", "resolved", "acknowledged", "exhausted"
"""Where an outcome may lead beside a step: to the step that follows anyway, to the end (the worker is safe), to the
acknowledgement of the ladder by whoever did the task. A step may be followed by ``exhausted``: no step is left."""

RESERVED = frozenset({NEXT, RESOLVED, ACKNOWLEDGED, EXHAUSTED})
"""No step has one of these as its key."""


class Question(Contract):
    """What a task asks; the answer is ``yes``, ``no`` or ``unclear``."""

    code: Code
    ask: Line


class Outcome(Contract):
    """What may come of a task, and where that leads. At least one of ``leads_to`` and ``raises`` is given."""

    code: Code
    says: Line
    """What its button says."""
    leads_to: Code | None = None
    """The key of a later step, or ``next``, ``resolved`` or ``acknowledged``. None: the ladder keeps its times."""
    after: Span | None = None
    """From the outcome to that step, and never later than the step's own ``wait``; None for at once."""
    raises: Trigger | None = None
    """A trigger that this outcome is: ``duress`` after a code word."""
    how: Code | None = None
    """For ``resolved``: how the worker was confirmed safe, as ``spoke_with_worker``."""
    records: Annotated[tuple[Fact, ...], Field(max_length=MOST)] = ()
    """What must be given with it. None where it raises a trigger, which waits for no fact."""
    cites: Cites
    after_cites: Cites = Cites()


class Task(Contract):
    """What one person does: whom they ring, what they say and ask, and what may come of it."""

    who: Annotated[tuple[Role, ...], Field(min_length=1, max_length=MOST)]
    """Roles, in order. All holders of the first are offered it; untaken or unfinished it passes on to those of the next."""
    calls: Call | None = None
    script: Annotated[tuple[Line, ...], Field(max_length=MOST)] = ()
    """What to do and to say, line by line."""
    code_words: bool = False
    """Whether the worker's code words are shown to whoever has taken it."""
    questions: Annotated[tuple[Question, ...], Field(max_length=MOST)] = ()
    outcomes: Annotated[tuple[Outcome, ...], Field(min_length=1, max_length=MOST)]
    take_within: Timed
    """Untaken for this long, it is offered to the next."""
    finish_within: Timed
    """Taken and not done for this long, it is free again and offered to the next."""

    def outcome(self, code: str) -> Outcome | None:
        """Return the outcome with this code, where there is one."""
        return next((outcome for outcome in self.outcomes if outcome.code == code), None)


class Step(Contract):
    """One step of a ladder: these roles are told, or one person has a task; then the next step follows after ``wait``."""

    key: Code | None = None
    """By which outcomes and other steps name it."""
    name: Line
    notify: Annotated[tuple[Role, ...], Field(max_length=MOST)] = ()
    task: Task | None = None
    """A step has people to notify or a task, never both."""
    wait: Span
    """From the dispatch of this step to the next one, whatever became of this one. No outcome sets a later time."""
    then: Code | None = None
    """Which step that is, by its key, or ``exhausted``; None for the next in the list."""
    cites: Cites
    wait_cites: Cites


class Ladder(Contract):
    """Who is told, in which order, when one trigger comes."""

    trigger: Trigger
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MOST)]
    instead: bool = False
    """Whether the ladders that run already stop when this one starts, but for those of ``APART``: nobody rings a worker who
    is under duress."""
    acknowledgement_lasts: Timed
    """After this an acknowledgement without an end runs out and the ladder alarms again."""
    repeat_every: Timed
    """How often an exhausted ladder tells everyone of the site again."""
    cites: Cites

    def number_of(self, key: str) -> int | None:
        """Return the number of the step with this key, from 1; None where there is none."""
        return next((number for number, step in enumerate(self.steps, start=1) if step.key == key), None)

    def following(self, number: int) -> int:
        """Return which step the timeout of a step leads to, one past the last where none is left. Keys lead forward only."""
        then = self.steps[number - 1].then
        if then == EXHAUSTED:
            return len(self.steps) + 1
        named = self.number_of(then) if then else None
        return named if named is not None and named > number else number + 1
