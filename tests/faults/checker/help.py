"""I17: a call for help, or a signal of duress, is taken in every state of a visit and without one, and reaches an escalation.

Nothing defers either: not the state of the visit, and not that somebody has a task already.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from types import MappingProxyType

from tests.faults.checker.effects import owed
from tests.faults.checker.evidence import Evidence, Line
from tests.faults.checker.history import Violation
from tests.faults.checker.runs import DONE

HELP = frozenset({"visit.help_requested.v1", "worker.help_requested.v1"})
NAMED = MappingProxyType(
    {
        **dict.fromkeys(HELP, "a call for help"),
        **dict.fromkeys(("visit.duress_signalled.v1", "worker.duress_signalled.v1"), "a signal of duress"),
        DONE: "a task's outcome that is a trigger",
    }
)

DEFERRING = frozenset({HTTPStatus.CONFLICT, HTTPStatus.LOCKED, HTTPStatus.TOO_MANY_REQUESTS})
"""Answers that send somebody away who may call for help: not now, not in this state, not so often."""


def judge_help(evidence: Evidence) -> Iterator[Violation]:
    """Return calls for help that nothing followed from, and those that were turned away."""
    for debt in owed(evidence):
        named = NAMED.get(debt.cause.type)
        if named is not None and not evidence.unsettled(debt.cause):
            yield Violation("I17", f"{named} reached no escalation", debt.cause.where)
    commands = {(command.source, command.id): command for command in evidence.log.commands}
    for line in evidence.journal:
        if line.operation != "ask_for_help":
            continue
        command = commands.get((line.source, line.id))
        places = range((command and command.first_position) or 0, ((command and command.last_position) or -1) + 1)
        left = {evidence.log.at[place].type for place in places if place in evidence.log.at}
        if line.accepted and not left & HELP:
            yield Violation("I17", "a call for help was accepted and left none", f"{line.source} {line.id}")
        if _turned_away(line):
            yield Violation("I17", f"a call for help was refused with {line.status}", f"{line.source} {line.id}")


def _turned_away(line: Line) -> bool:
    return line.status in DEFERRING and line.answer.get("code") != "other_content"
