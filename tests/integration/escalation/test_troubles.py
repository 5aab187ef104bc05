"""What Lonewatch could not do becomes an escalation: on the log, through feed and clock."""

import asyncio
from contextlib import suppress
from typing import ClassVar

import pytest
from structlog.testing import capture_logs

from shared.contracts.base import OPERATOR_SITE, Event
from shared.contracts.escalations import SYSTEM, StepStarted
from shared.contracts.ladders import Ladder, Step
from shared.contracts.roles import Role
from shared.contracts.spans import Timed
from shared.contracts.troubles import UNKNOWN_WORKER, ClockDiffered, OutageRecorded, RecordParked, trouble_stream
from shared.contracts.visits import OperatorLadderSet
from shared.runtime.ids import new_id
from shared.runtime.log import Append, By, Write
from shared.runtime.postgres import open_pool
from shared.runtime.sequencer import Sequencer
from tests.integration.escalation.conftest import EPISODE, STREAM, VISIT, World, asked
from tests.integration.escalation.planned import at_visit, opened, plan
from tests.support.history import (
    FIRST_WAIT,
    MINUTE,
    OLGA,
    POLICY,
    SAM,
    SITE,
    SUE,
    WALT,
    make_site,
    missed_visit,
    policy,
    record,
)
from tests.support.poison import put, shard_of, visit_in
from tests.support.services import Installation
from tests.support.waiting import until

SYSTEM_STREAM = f"escalation-{SYSTEM}"


class Teleported(Event):
    """Something that only a later release can read."""

    type: ClassVar[str] = "escalation.teleported.v2"


class NewerPlan(Event):
    """A plan of a visit as no release can read it."""

    type: ClassVar[str] = "visit.planned.v1"
    worker: str = "of another shape"


class NewerOpening(Event):
    """An opening as no release can read it."""

    type: ClassVar[str] = "escalation.opened.v1"
    subject: str = "of another shape"


def parked(visit_id: str | None, position: int = 42, **other: str) -> RecordParked:
    said = {
        "service": "checkin",
        "parked_id": f"escalation.{position}",
        "consumer": "escalation",
        "topic": "lonewatch.visits.v1",
        "shard": 3,
        "position": position,
        "record_type": "visit.check_in_recorded.v1",
        "record_stream_id": f"visit-{visit_id}" if visit_id else f"grant-{SITE}",
        "visit_id": visit_id,
        "site_id": SITE,
        "reason": "undecodable",
        "detail": "data: missing",
        "sha256": "0" * 64,
    }
    return RecordParked.model_validate(said | other)


async def trouble(
    installation: Installation, service: str, event: Event, subject: str = VISIT, visit_id: str | None = VISIT
) -> None:
    """Let a service say that it could not do something."""
    stream_id = trouble_stream(service, subject)
    await record(installation, service, stream_id, event, visit_id=visit_id, site_id=SITE if visit_id else None)
    await installation.quiet()


async def test_a_trouble_of_a_visit_opens_on_the_visits_own_ladder_whichever_service_says_it(world: World) -> None:
    await plan(world.installation)
    for service in ("audit", "checkin", "notifier"):
        await trouble(world.installation, service, parked(VISIT))
    await trouble(world.installation, "escalation", parked(VISIT, 43))
    first = await opened(world.installation, STREAM)
    assert (first.trigger, first.worker_id, first.policy_version) == ("trouble", WALT, 1)
    assert first.trouble
    assert first.trouble.place == f"visit-{VISIT}, position 42"
    assert await world.types() == ["opened", "step_started", "joined"]
    assert await world.told() == [{SUE, SAM}, {SUE, SAM}]
    assert await world.installation.types(SYSTEM_STREAM) == []
    shown = (await world.get(SUE, f"/escalations/{EPISODE}")).json()
    assert [trigger["trouble"]["concern"] for trigger in shown["triggers"]] == ["record_parked", "record_parked"]


async def test_a_trouble_of_a_visit_whose_plan_cannot_be_read_runs_on_the_ladder_of_its_site(world: World) -> None:
    await at_visit(world.installation, NewerPlan())
    await trouble(world.installation, "checkin", parked(VISIT))
    first = await opened(world.installation, STREAM)
    assert (first.worker_id, first.site_id, first.policy_id) == (UNKNOWN_WORKER, SITE, POLICY)
    assert (await world.told())[0] == {SUE, SAM}
    page = (await world.client.get(await world.page(SUE))).text
    assert "The watch over the visit is in trouble: a worker whom Lonewatch cannot name" in page
    assert "could not read or apply a record" in page
    assert f"Visit {VISIT}" in page


async def test_a_trouble_without_a_visit_tells_everyone_of_the_operator_until_it_has_a_ladder(world: World) -> None:
    await trouble(world.installation, "audit", parked(None), "grant-north", None)
    first = await opened(world.installation, SYSTEM_STREAM)
    assert (first.trigger, first.escalation_id, first.ladder) == ("system", f"{SYSTEM}.1", None)
    assert (first.worker_id, first.site_id) == (UNKNOWN_WORKER, OPERATOR_SITE)
    everyone = (await world.installation.history(SYSTEM_STREAM))[-1]
    assert [ask.worker_id for ask in asked(everyone)] == [OLGA]


async def test_the_operators_own_ladder_is_gone_by_where_there_is_one(world: World) -> None:
    cites = policy().approval.cites
    ladder = Ladder(
        trigger="system",
        steps=(
            Step(name="On call", notify=(Role.ADMINISTRATOR,), wait=FIRST_WAIT, cites=cites, wait_cites=cites),
            Step(name="Management", notify=(Role.SENIOR_LEADER,), wait=FIRST_WAIT, cites=cites, wait_cites=cites),
        ),
        acknowledgement_lasts=Timed(span=FIRST_WAIT, cites=cites),
        repeat_every=Timed(span=FIRST_WAIT, cites=cites),
        cites=cites,
    )
    await record(world.installation, "checkin", "policy-operator", OperatorLadderSet(ladder=ladder))
    await trouble(
        world.installation, "notifier", ClockDiffered(service="notifier", replica="n-2", seconds=3), "n-2", None
    )
    _, first = [recorded.event for recorded in await world.installation.history(SYSTEM_STREAM)]
    assert isinstance(first, StepStarted)
    assert (first.name, [ask.worker_id for ask in first.asks]) == ("On call", [OLGA])


async def test_what_tells_nobody_opens_nothing(world: World) -> None:
    now = await world.installation.clock.now()
    away = OutageRecorded(service="checkin", loop="clock", from_at=now - MINUTE, to_at=now, overdue=0)
    await trouble(world.installation, "checkin", away, "outage", None)
    await trouble(world.installation, "checkin", parked(VISIT, behind="escalation.41"))
    with capture_logs() as lines:
        await trouble(world.installation, "audit", parked(VISIT, 43, record_type="trouble.record_parked.v1"))
    assert [(line["event"], line["position"]) for line in lines if line["log_level"] == "critical"] == [
        ("trouble_parked", 43)
    ]
    assert await world.installation.types(STREAM) == []
    assert await world.installation.types(SYSTEM_STREAM) == []
    await trouble(world.installation, "checkin", away.model_copy(update={"overdue": 1}), "outage", None)
    first = await opened(world.installation, SYSTEM_STREAM)
    assert first.trouble
    assert (first.trouble.from_at, first.trouble.to_at) == (away.from_at, away.to_at)


async def test_a_trouble_that_cannot_be_raised_on_its_visit_is_raised_on_the_operators_ladder(world: World) -> None:
    await plan(world.installation)
    await by_a_later_release(world.installation, Write(STREAM, 0, [Teleported()], visit_id=VISIT, site_id=SITE))
    event = parked(VISIT)
    stream_id = trouble_stream("checkin", VISIT)
    await record(world.installation, "checkin", stream_id, event, visit_id=VISIT, site_id=SITE)

    async def told() -> bool:
        return len(await world.installation.types(SYSTEM_STREAM)) > 1

    await until(told)
    first = await opened(world.installation, SYSTEM_STREAM)
    assert first.trouble
    assert (first.trouble.place or "").startswith(f"{STREAM}: visit-{VISIT}")


async def by_a_later_release(installation: Installation, write: Write) -> None:
    pool = await open_pool(installation.database.dsn("escalation"))
    sequencer = Sequencer(pool, "99.0.0")
    task = asyncio.create_task(sequencer.run())
    try:
        await sequencer.append(Append([write], By("test:later", new_id()), await installation.clock.now()))
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await pool.close()


async def test_an_open_episode_whose_opening_cannot_be_read_is_begun_anew_when_its_time_comes(
    installation: Installation,
) -> None:
    # The record was sound when the reactions passed it: nothing but the ladder's own time makes anybody look at it again.
    await make_site(installation)
    async with installation.service("escalation", token="nobody"):
        await missed_visit(installation)
        await installation.quiet()
    await spoil(installation, STREAM, 1)
    async with installation.service("escalation", token="nobody") as client:
        world = World(installation, client)
        await installation.clock.forward(FIRST_WAIT)
        await installation.quiet()
        names = [row["type"] for row in await installation.admin.fetch(OF_STREAM, STREAM)]
        assert names[2:4] == ["escalation.opened.v1", "escalation.step_started.v1"]
        shown = (await world.get(SUE, f"/escalations/{VISIT}.2")).json()
        assert (shown["triggers"][0]["trigger"], shown["state"], shown["worker_id"]) == ("trouble", "open", WALT)


OF_STREAM = "SELECT type FROM log.event WHERE stream_id = $1 ORDER BY version"


async def spoil(installation: Installation, stream_id: str, version: int) -> None:
    """Let the bytes of a record rot, as only a disk can."""
    await installation.admin.execute(
        "UPDATE log.event SET record = '\\x00' WHERE stream_id = $1 AND version = $2", stream_id, version
    )


async def test_what_is_put_right_ends_the_escalation_and_says_so(world: World) -> None:
    await trouble(world.installation, "audit", parked(None), "grant-north", None)
    episode = f"{SYSTEM}.1"
    address = await world.page(OLGA, episode)
    page = (await world.client.get(address)).text
    assert [
        text for text in ("Lonewatch itself is in trouble", "It is put right", "Put right") if text not in page
    ] == []
    assert "The worker is safe" not in page
    (row,) = (await world.get(OLGA, "/escalations")).json()["escalations"]
    assert (row["trigger"], row["service"], row["concern"]) == ("system", "checkin", "record_parked")
    ended = await world.post(OLGA, f"/escalations/{episode}/resolution", confirmed_by=OLGA, how="works_again")
    assert ended.status_code == 200
    await world.installation.quiet()
    assert "It is put right, Olga Operator says" in (await world.client.get(address)).text
    last = (await world.installation.history(SYSTEM_STREAM))[-1].event
    assert getattr(last, "visit_id", "missing") is None


@pytest.mark.parametrize("kind", ["not JSON", "a type that nobody knows", "another visit's", "an instant that is none"])
async def test_a_miss_that_nobody_can_read_is_a_trouble_of_its_visit_and_no_other_visit_waits(
    world: World, kind: str
) -> None:
    poison = await put(world.installation.admin, kind, visit_in(shard_of(VISIT)), SITE)
    await missed_visit(world.installation)
    await world.installation.quiet()
    assert await world.types() == ["opened", "step_started"]
    first = await opened(world.installation, f"escalation-{poison.visit_id}")
    assert (first.trigger, first.trigger_event_id) == ("trouble", f"parked-{poison.position}")
    assert (first.worker_id, first.site_id, first.policy_id) == (UNKNOWN_WORKER, SITE, POLICY)
