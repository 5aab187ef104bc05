"""The times of every step, task and round as the rules say them, worked out twice: by escalation's decider, and by an oracle.

Ladders and people's behaviour are made up at random. No database and no clock: the decider's own deadlines drive it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests.support.campaign import size
from tests.support.protocol_driver import Driven
from tests.support.protocol_oracle import Act, Oracle, Row
from tests.support.protocol_world import COMMENCE, STEPPING_STONES, rules_of

WORKER = "walt"
ROLES = ("administrator", "supervisor", "line_manager", "head_of_provision", "dsl", "senior_leader")
PEOPLE = ("ann", "ben", "cas", "dot", "eve", "fay")
"""Who may hold any of them, or several, or none."""

STEPS = 6
CITES = {"clauses": ["N 1"]}
MINUTES = st.integers(1, 20).map(lambda minutes: f"{minutes} minutes")
ENDS = st.sampled_from((None, None, "exhausted", "gone", *(f"step_{number}" for number in range(1, STEPS + 1))))
LEADS = st.sampled_from(
    (None, "next", "next", "resolved", "acknowledged", "gone", *(f"step_{number}" for number in range(2, STEPS + 1)))
)


HOW = ("spoke_with_worker", "met_in_person")


def timed(span: str) -> dict[str, Any]:
    return {"span": span, "cites": CITES}


@st.composite
def outcomes(draw: st.DrawFn, code: str, raises: Sequence[str]) -> dict[str, Any]:
    raised = draw(st.sampled_from((None, None, None, *raises)))
    leads = LEADS.filter(lambda to: to not in {"resolved", "acknowledged"}) if raised else LEADS
    return {
        "code": code,
        "says": code,
        "leads_to": draw(leads),
        "after": draw(st.none() | MINUTES),
        "raises": raised,
        "how": draw(st.sampled_from(HOW)),
        "cites": CITES,
    }


@st.composite
def tasks(draw: st.DrawFn, raises: Sequence[str]) -> dict[str, Any]:
    return {
        "who": draw(st.lists(st.sampled_from(ROLES), min_size=1, max_size=3, unique=True)),
        "outcomes": [draw(outcomes(f"outcome_{number}", raises)) for number in range(draw(st.integers(1, 3)))],
        "take_within": timed(draw(MINUTES)),
        "finish_within": timed(draw(MINUTES)),
    }


@st.composite
def steps(draw: st.DrawFn, number: int, raises: Sequence[str]) -> dict[str, Any]:
    does: dict[str, Any] = (
        {"task": draw(tasks(raises))}
        if draw(st.integers(0, 3))
        else {"notify": draw(st.lists(st.sampled_from(ROLES), min_size=1, max_size=2, unique=True))}
    )
    return {
        "key": f"step_{number}",
        "name": f"Step {number}",
        "wait": draw(MINUTES),
        "then": draw(ENDS),
        "cites": CITES,
        "wait_cites": CITES,
        **does,
    }


@st.composite
def ladders(draw: st.DrawFn, trigger: str, raises: Sequence[str] = ()) -> dict[str, Any]:
    number = draw(st.integers(1, STEPS))
    return {
        "trigger": trigger,
        "steps": [draw(steps(one, raises)) for one in range(1, number + 1)],
        "instead": trigger == "duress" and draw(st.booleans()),
        "acknowledgement_lasts": timed(draw(MINUTES)),
        "repeat_every": timed(draw(MINUTES)),
        "cites": CITES,
    }


@st.composite
def policies(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    return {
        "check_in_missed": draw(ladders("check_in_missed", raises=("duress", "safeguarding", "unsafe"))),
        "duress": draw(ladders("duress")),
        "safeguarding": draw(ladders("safeguarding")),
        "unsafe": draw(ladders("unsafe")),
    }


@st.composite
def holders(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    held = st.lists(st.sampled_from(PEOPLE), max_size=3, unique=True)
    return {role: tuple(draw(held)) for role in ROLES}


Draw = Callable[[st.SearchStrategy[Any]], Any]
"""Draws while the oracle is running, as what people do depends on what there is to do."""


def behaviour(draw: Draw, oracle: Oracle, people: Sequence[str]) -> list[Act]:
    """Let people do things, mostly things that can be done, while the oracle tells what there is to do."""
    acts: list[Act] = []
    at = 0
    oracle.tell("check_in_missed", (), 0)
    for number in range(draw(st.integers(0, 10))):
        at += draw(st.integers(1, 25)) * 60 - draw(st.sampled_from((0, number + 1)))
        oracle.pass_time(at - 1)
        ended, act = oracle.over, one_act(draw, oracle, at, people)
        oracle.act(act)
        acts.append(act)
        if ended:
            break
    oracle.pass_time(at + END)
    return acts


END = 3 * 3600
"""Seconds after the last act until which everything is compared: longer than any ladder with its first rounds."""


DOES = ("take", "take", "outcome", "outcome", "outcome", "outcome", "give_back", "hand_over", "other", "raise")
"""What people do; the more often, the more often it stands here."""


def one_act(draw: Draw, oracle: Oracle, at: int, people: Sequence[str]) -> Act:
    who = draw(st.sampled_from(people))
    what = draw(st.sampled_from(DOES))
    started = [(run.number, step, task) for run in oracle.runs for step, task in run.tasks.items()]
    if what == "raise":
        return Act(
            at, who, what, outcome=draw(st.sampled_from(("duress", "safeguarding", "unsafe", "check_in_missed")))
        )
    if what == "other" or not started:
        does = draw(st.sampled_from(("acknowledge", "acknowledge", "resolve")))
        return Act(at, who, does, outcome=draw(st.sampled_from(HOW)) if does == "resolve" else "")
    ladder, step, task = draw(st.sampled_from(started[::-1]))
    likely = [one for one in (task.holder, task.handed_to, *task.offered) if one]
    if likely and draw(st.integers(0, 4)):
        who = likely[0] if task.holder and draw(st.booleans()) else draw(st.sampled_from(likely))
    rule = oracle.runs[ladder - 1].steps[step - 1]["task"]
    codes = [outcome["code"] for outcome in rule["outcomes"]]
    outcome = draw(st.sampled_from([*codes, *codes, "unheard_of"])) if what == "outcome" else ""
    to = draw(st.sampled_from([one for one in people if one != who] or [WORKER])) if what == "hand_over" else ""
    return Act(at, who, what, ladder, step, outcome, to)


PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
"""All but the explaining of a counterexample, which takes longer than the search."""


@settings(max_examples=size(200, 5000), suppress_health_check=list(HealthCheck), phases=PHASES)
@given(st.data())
def test_the_decider_does_everything_at_the_minute_at_which_the_oracle_says(data: st.DataObject) -> None:
    compare(data, data.draw(policies()))


@pytest.mark.parametrize("policy", [COMMENCE, STEPPING_STONES])
@settings(max_examples=size(50, 1000), suppress_health_check=list(HealthCheck), phases=PHASES)
@given(st.data())
def test_it_does_so_by_the_waits_of_a_policy_of_ours_whatever_people_do(policy: str, data: st.DataObject) -> None:
    compare(data, {ladder["trigger"]: ladder for ladder in rules_of(policy)["ladders"]})


def compare(data: st.DataObject, rules: Mapping[str, Mapping[str, Any]]) -> None:
    """Hold that decider and oracle tell the same of made-up people under these ladders."""
    there = data.draw(holders())
    people = [*sorted({one for held in there.values() for one in held}), WORKER]
    unreachable = frozenset(data.draw(st.sets(st.sampled_from(people), max_size=3)))
    oracle = Oracle(rules, there, WORKER, unreachable)
    acts = behaviour(data.draw, oracle, people)
    driven = Driven(rules, there, WORKER, unreachable)
    until = (acts[-1].at if acts else 0) + END
    note(f"{acts}, unreachable {sorted(unreachable)}")
    assert parting(driven.tell("check_in_missed", acts, until), oracle.rows) == ""


def parting(decided: list[Row], told: list[Row]) -> str:
    """Return where two lists part, with what came before; nothing where they are the same."""
    for number, (one, other) in enumerate(zip_longest(decided, told)):
        if one != other:
            before = "\n".join(f"  both   {row}" for row in decided[:number][-4:])
            return f"{before}\n  decider {one}\n  oracle  {other}"
    return ""
