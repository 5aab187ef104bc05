"""How ``lonewatch status`` asks: one service for what each of them knows, all of them for what they alone know."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import pytest

from deploy import status_asking
from deploy.client import Client, RefusedError
from deploy.database import SERVICES
from deploy.status_asking import asked


@dataclass(frozen=True)
class Answering:
    """A client of services that answer, refuse with a code, or say nothing."""

    refusing: dict[str, str]
    silent: frozenset[str] = frozenset()

    async def get(self, path: str) -> dict[str, Any]:
        service = path.split("/")[1]
        if service in self.refusing:
            raise RefusedError(self.refusing[service], "no")
        if service in self.silent:
            await asyncio.Event().wait()
        own = {"replica": "1", "brokers": [], "lag": [], "of": service}
        return {"by": service, "services": {one: {"kafka": own if one == service else None} for one in SERVICES}}


async def found(answering: Answering) -> dict[str, Any]:
    return await asked(cast("Client", answering))


def told(status: dict[str, Any]) -> dict[str, str | None]:
    return {service: (one["kafka"] or {}).get("of") for service, one in status["services"].items()}


async def test_each_service_is_asked_for_what_it_alone_knows() -> None:
    status = await found(Answering({}))
    assert status["by"] == SERVICES[0]
    assert told(status) == {service: service for service in SERVICES}


async def test_a_service_that_refuses_or_says_nothing_keeps_nothing_back_that_others_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, third, last = SERVICES
    monkeypatch.setattr(status_asking, "ANSWERS_WITHIN", 0.01)
    impatient = asyncio.wait_for(found(Answering({first: "unavailable"}, frozenset({last}))), 5)
    status = await impatient
    assert status["by"] == second
    assert told(status) == {first: None, second: second, third: third, last: None}


@pytest.mark.parametrize(
    ("refusing", "code"),
    [
        ({SERVICES[0]: "forbidden"}, "forbidden"),
        (dict.fromkeys(SERVICES, "unavailable"), "unavailable"),
    ],
)
async def test_a_refusal_of_the_person_and_one_of_every_service_are_said(refusing: dict[str, str], code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await found(Answering(refusing))
    assert refused.value.code == code
