"""What is wrong with the operator's own ladder, which is about no worker, although each of its values is right."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.contracts.base import Cites
from shared.contracts.ladder_rules import ladder_problems
from shared.contracts.ladders import Ladder, Outcome, Step, Task, Trigger
from shared.contracts.roles import Role
from shared.contracts.spans import Timed

CITES = Cites(ours=True)
MINUTES = timedelta(minutes=1)


def raising(trigger: Trigger, raises: Trigger | None) -> Ladder:
    seen = Outcome(code="seen", says="Somebody is in danger", leads_to="acknowledged", raises=raises, cites=CITES)
    soon = Timed(span=2 * MINUTES, cites=CITES)
    task = Task(who=(Role.ADMINISTRATOR,), outcomes=(seen,), take_within=soon, finish_within=soon)
    step = Step(name="Look", task=task, wait=9 * MINUTES, cites=CITES, wait_cites=CITES)
    return Ladder(trigger=trigger, steps=(step,), acknowledgement_lasts=soon, repeat_every=soon, cites=CITES)


@pytest.mark.parametrize("raises", ["help", "duress", "system"])
def test_the_operators_ladder_raises_nothing_as_it_is_about_no_worker(raises: Trigger) -> None:
    (found,) = ladder_problems(raising("system", raises), "ladder")
    assert found == (
        "ladder.steps[1].task.outcomes[1].raises",
        "is about a worker, and the ladder for system is about none; take it out",
    )


@pytest.mark.parametrize(("trigger", "raises"), [("system", None), ("check_in_missed", "duress")])
def test_any_other_outcome_may_raise_what_is_about_a_worker(trigger: Trigger, raises: Trigger | None) -> None:
    assert list(ladder_problems(raising(trigger, raises), "ladder")) == []


def test_no_ladder_raises_what_is_about_lonewatch_itself() -> None:
    ((where, what),) = ladder_problems(raising("help", "system"), "ladder")
    assert (where, what.startswith('"system" is about')) == ("ladder.steps[1].task.outcomes[1].raises", True)
