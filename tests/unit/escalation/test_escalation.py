"""What an escalation says of the directory, of its deadlines and of its refusals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.escalation import domain
from services.escalation.domain import (
    ESCALATION,
    REFUSALS,
    AcknowledgementRunsOut,
    Directory,
    command_for,
)
from shared.contracts.grants import Grants
from shared.contracts.roles import Role
from shared.contracts.visits import VisitEnded
from shared.decider import Deadline
from tests.support.given import given
from tests.unit.escalation.examples import (
    DIRECTORY,
    FIRST_STEP,
    MINUTE,
    OPENED,
    SUE,
    T0,
    VISIT,
    WALT,
    next_step,
)


def test_everyone_are_the_responders_of_the_grants_each_once() -> None:
    grants = Grants(((WALT, Role.WORKER), (SUE, Role.SUPERVISOR), ("ann", Role.AUDITOR), (SUE, Role.DSL)))
    directory = Directory.of(grants)
    assert directory.everyone == (SUE,)
    assert directory.holders[Role.DSL] == (SUE,)


def test_each_deadline_stands_for_the_command_that_it_is_due_for() -> None:
    now = T0 + 5 * MINUTE
    assert command_for(Deadline("step", "1.2.3", T0), DIRECTORY, now) == next_step(3, now, ladder_no=2)
    assert command_for(Deadline("acknowledgement", "1", T0), DIRECTORY, now) == AcknowledgementRunsOut(
        1, DIRECTORY, now
    )


@pytest.mark.parametrize(("kind", "subject"), [("check_in_missed", "1"), ("step", "1.2"), ("step", "one.two.three")])
def test_a_deadline_of_something_else_stands_for_no_command(kind: str, subject: str) -> None:
    with pytest.raises(ValueError, match=r"no deadline of an escalation|invalid literal"):
        command_for(Deadline(kind, subject, T0), DIRECTORY, T0)


def test_an_event_of_another_stream_changes_nothing() -> None:
    state = given(ESCALATION, OPENED, FIRST_STEP).state
    assert ESCALATION.evolve(state, VisitEnded(visit_id=VISIT, reason="completed")) == state


def test_every_refusal_has_a_sentence_and_is_met_by_a_test() -> None:
    folder = Path(str(domain.__file__)).parent
    raised = {code for file in folder.glob("*.py") for code in re.findall(r'Rejected\("(\w+)"\)', file.read_text())}
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    tested = set(re.findall(r'== "(\w+)"$', tests, re.MULTILINE))
    assert raised == set(REFUSALS)
    assert raised <= tested
    assert all(sentence.endswith(".") for sentence in REFUSALS.values())
