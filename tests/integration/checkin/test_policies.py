"""A policy over HTTP: what cannot be counted, kept or shown is refused as invalid, and nothing of it is repeated."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.support.services import bearer
from tests.support.world import World
from tests.unit.checkin.examples import POLICY_1

GOOD = POLICY_1.model_dump(mode="json") | {"policy_id": "other"}

SPANS: tuple[Any, ...] = (
    "P367D",
    "P99999999999D",
    "99999999999 days",
    "9" * 400 + " days",
    "-5 minutes",
    "0 minutes",
    "0.0000001 seconds",
    "soon",
    "",
    "5 min\x00utes",
    1e300,
    -1,
    10**30,
    None,
    [],
    {},
)
"""None of them a span that a policy may have."""

TEXTS: tuple[Any, ...] = (
    "",
    " ",
    "\x00",
    "two\nlines",
    "a bell\x07",
    "next\x85line",
    "para\u2029graph",
    "x" * 201,
    "x" * 100_000,
    7,
    None,
    [],
)
"""None of them a line that people can read in a mail's subject."""


def put(path: str, value: Any) -> dict[str, Any]:
    """Return the good policy with a value at this place."""
    policy: dict[str, Any] = orjson.loads(orjson.dumps(GOOD))
    *to, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    inner: Any = policy
    for part in to:
        inner = inner[part]
    inner[last] = value
    return policy


async def refused(world: World, path: str, value: Any) -> None:
    """Check that the policy is refused there, and that the answer repeats nothing of it."""
    response = await world.send(None, "POST", "/policies", put(path, value))
    assert response.status_code == 422, f"{path} {str(value)[:40]!r}: {response.status_code} {response.text[:300]}"
    where = {error["where"] for error in response.json()["errors"]}
    assert any(one.startswith(f"body.{path}") for one in where), where
    assert len(response.text) < 1000


@pytest.mark.parametrize(
    "path",
    [
        "check_ins.interval.span",
        "check_ins.grace.span",
        "check_ins.remind_before.span",
        "gate.valid_for.span",
        "ladders.0.steps.0.wait",
        "ladders.1.repeat_every.span",
        "ladders.1.acknowledgement_lasts.span",
    ],
)
async def test_a_span_that_no_clock_should_wait_for_is_refused(world: World, path: str) -> None:
    for span in SPANS:
        await refused(world, path, span)


@pytest.mark.parametrize(
    "path", ["title", "organisation", "text", "ladders.0.steps.0.name", "gate.factors_cites.clauses.0"]
)
async def test_a_text_that_no_mail_should_carry_is_refused(world: World, path: str) -> None:
    for text in TEXTS:
        await refused(world, path, text)


async def test_a_list_without_end_is_refused(world: World) -> None:
    await refused(world, "gate.factors", [f"factor{number}" for number in range(101)])
    await refused(world, "gate.dynamic_questions", [f"question{number}" for number in range(101)])
    await refused(world, "ladders.0.steps", GOOD["ladders"][0]["steps"] * 101)
    await refused(world, "approval.roles", ["dsl"] * 101)


@pytest.mark.parametrize(
    "content",
    [
        orjson.dumps(GOOD).replace(b"Example Trust", b"\\ud800"),
        orjson.dumps(GOOD).replace(b'"PT5M"', b"NaN"),
        orjson.dumps(GOOD).replace(b'"PT5M"', b"1e999"),
    ],
    ids=["half a character", "no number", "a number without end"],
)
async def test_what_is_hardly_json_is_refused_too(world: World, content: bytes) -> None:
    token = await world.installation.administrator()
    headers = {**bearer(token), "Content-Type": "application/json"}
    response = await world.checkin.post("/checkin/policies", content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, "invalid")


async def test_a_policy_at_its_limits_is_adopted(world: World) -> None:
    policy = put("title", "x" * 200) | {"text": "Zusätzlich für alle: 安全, \u00a0👷"}
    policy["check_ins"]["interval"]["span"] = "366 days"
    policy["ladders"][0]["steps"][0]["wait"] = "P366D"
    assert (await world.done(None, "POST", "/policies", policy))["policy_version"] == 1
    assert await world.refused(None, "POST", "/sites", {"name": "x\x00y", "policy_id": "other"}) == (422, "invalid")


async def test_a_policy_whose_rules_contradict_each_other_is_refused_with_each_problem_and_what_to_do(
    world: World,
) -> None:
    nobody = put("ladders.0.steps.0.notify", [])
    circle = put("ladders.0.steps.0.then", "round")
    circle["ladders"][0]["steps"][0]["key"] = "round"
    for policy, words in ((nobody, "ladders[1].steps[1]"), (circle, "ladders[1].steps[1].then")):
        response = await world.send(None, "POST", "/policies", policy)
        assert (response.status_code, response.json()["code"]) == (422, "invalid")
        assert words in response.text
    assert await world.installation.history("policy-other") == []
