"""What Lonewatch could not do becomes an escalation, and what was awaited ends one: on the log, through feed and clock."""

import asyncio
from contextlib import suppress
from typing import ClassVar

import pytest
from structlog.testing import capture_logs

from shared.contracts.base import OPERATOR_SITE, Event
from shared.contracts.escalations import SYSTEM, EscalationLapsed, EscalationOpened, StepReachedNobody, StepStarted
from shared.contracts.notifications import NotReached, ReplyReceived
from shared.contracts.policy import Ladder, Step, Timed
from shared.contracts.roles import Role
from shared.contracts.troubles import UNKNOWN_WORKER, ClockDiffered, OutageRecorded, RecordParked, trouble_stream
from shared.contracts.visits import (
    OperatorLadderSet,
    StartOverdue,
    VisitApproved,
    VisitExtended,
    VisitPlanned,
    VisitStarted,
)
from shared.runtime.ids import new_id
from shared.runtime.log import Append, By, Write
from shared.runtime.postgres import open_pool
from shared.runtime.sequencer import Sequencer
from tests.integration.escalation.conftest import EPISODE, STREAM, VISIT, World, asked
from tests.support.history import (
    FIRST_WAIT,
    GRACE,
    LIZ,
    MINUTE,
    OLGA,
    POLICY,
    SAM,
    SITE,
    SUE,
    WALT,
    help_at_visit,
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


async def plan(installation: Installation, *more: Event, visit_id: str = VISIT) -> None:
    """Plan a visit of Walt's, with what follows."""
    now = await installation.clock.now()
    planned = VisitPlanned(
        visit_id=visit_id,
        site_id=SITE,
        worker_id=WALT,
        kind="home_visit",
        starts_at=now,
        expected_end_at=now + 60 * MINUTE,
        interval=30 * MINUTE,
        grace=GRACE,
        remind_before=5 * MINUTE,
        policy_id=POLICY,
        policy_version=1,
    )
    await record(installation, "checkin", f"visit-{visit_id}", planned, *more, visit_id=visit_id, site_id=SITE)


async def at_visit(installation: Installation, *events: Event) -> None:
    await record(installation, "checkin", f"visit-{VISIT}", *events, visit_id=VISIT, site_id=SITE)


async def trouble(
    installation: Installation, service: str, event: Event, subject: str = VISIT, visit_id: str | None = VISIT
) -> None:
    """Let a service say that it could not do something."""
    stream_id = trouble_stream(service, subject)
    await record(installation, service, stream_id, event, visit_id=visit_id, site_id=SITE if visit_id else None)
    await installation.quiet()


async def start_overdue(installation: Installation) -> None:
    """Let an approved visit not start."""
    now = await installation.clock.now()
    overdue = StartOverdue(
        visit_id=VISIT,
        worker_id=WALT,
        site_id=SITE,
        starts_at=now - 10 * MINUTE,
        due_at=now - MINUTE,
        detected_at=now,
        late="system_outage",
        policy_id=POLICY,
        policy_version=1,
    )
    await plan(installation, VisitApproved(visit_id=VISIT, assessment_id="assessment1", by=LIZ), overdue)
    await installation.quiet()


async def not_reached(installation: Installation, *numbers: int) -> None:
    """Let notifications of the visit's episode reach nobody."""
    for number in numbers:
        notification_id = f"{EPISODE}.{number}"
        event = NotReached(
            notification_id=notification_id,
            recipient_id=SUE,
            escalation_id=EPISODE,
            kind="step",
            ladder_no=1,
            step=1,
            reason="no_contact_point",
        )
        stream_id = f"notification-{notification_id}"
        await record(installation, "notifier", stream_id, event, visit_id=VISIT, site_id=SITE)
    await installation.quiet()


async def opened(installation: Installation, stream_id: str) -> EscalationOpened:
    """Return what opened the newest episode of a stream."""
    history = [recorded.event for recorded in await installation.history(stream_id)]
    return [event for event in history if isinstance(event, EscalationOpened)][-1]


# Troubles


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


# What does not come, and comes


async def test_what_did_not_come_lapses_with_an_all_clear_when_it_comes(world: World) -> None:
    await start_overdue(world.installation)
    first = await opened(world.installation, STREAM)
    assert (first.trigger, first.late) == ("start_overdue", "system_outage")
    page = (await world.client.get(await world.page(SUE))).text
    assert "The visit has not started: Walt Alone" in page
    assert "Lonewatch itself was away when it was due" in page
    now = await world.installation.clock.now()
    await at_visit(world.installation, VisitStarted(visit_id=VISIT, dynamic_assessment={}, due_at=now + 30 * MINUTE))
    await world.installation.quiet()
    last = (await world.installation.history(STREAM))[-1]
    assert isinstance(last.event, EscalationLapsed)
    assert last.event.reason == "visit_started"
    assert {ask.worker_id for ask in asked(last)} == {SUE, SAM}
    page = (await world.client.get(await world.page(SAM))).text
    assert "What was awaited has come: the visit has started" in page
    assert "<button" not in page
    shown = (await world.get(SUE, f"/escalations/{EPISODE}")).json()
    assert (shown["triggers"][0]["late"], shown["triggers"][0]["trouble"]) == ("system_outage", None)
    assert (shown["state"], shown["ended"]["by"], shown["next_at"]) == ("lapsed", None, None)
    (row,) = (await world.get(SUE, f"/escalations?site_id={SITE}&open=false")).json()["escalations"]
    assert row["state"] == "lapsed"
    await world.installation.clock.forward(FIRST_WAIT)
    await world.installation.quiet()
    assert (await world.types())[-1] == "lapsed"


async def test_help_during_it_starts_its_own_ladder_and_then_nothing_ends_it_but_a_person(world: World) -> None:
    await start_overdue(world.installation)
    await help_at_visit(world.installation)
    await world.installation.quiet()
    assert await world.told() == [{SUE, SAM}, {SUE, SAM}, {LIZ}]
    now = await world.installation.clock.now()
    await at_visit(world.installation, VisitStarted(visit_id=VISIT, dynamic_assessment={}, due_at=now + 30 * MINUTE))
    await world.installation.quiet()
    assert await world.types() == ["opened", "step_started", "joined", "step_started"]


async def test_what_comes_while_nothing_is_open_changes_nothing(world: World) -> None:
    now = await world.installation.clock.now()
    extended = VisitExtended(visit_id=VISIT, met_due_at=None, expected_end_at=now, due_at=None)
    await plan(world.installation, extended)
    await world.installation.quiet()
    assert await world.installation.types(STREAM) == []
    await missed_visit(world.installation, "visit2")
    await world.installation.quiet()
    await record(
        world.installation,
        "checkin",
        "visit-visit2",
        extended.model_copy(update={"visit_id": "visit2"}),
        visit_id="visit2",
        site_id=SITE,
    )
    await world.installation.quiet()
    types = await world.installation.types("escalation-visit2")
    assert types == ["escalation.opened.v1", "escalation.step_started.v1"]


# Whom nobody reaches


async def test_the_next_step_starts_at_once_when_nobody_of_a_step_could_be_told(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    await not_reached(world.installation, 1)
    assert await world.types() == ["opened", "step_started"]
    await not_reached(world.installation, 2)
    assert await world.types() == ["opened", "step_started", "step_reached_nobody", "step_started"]
    assert await world.told() == [{SUE, SAM}, {LIZ}]
    nobody = (await world.installation.history(STREAM))[2].event
    assert isinstance(nobody, StepReachedNobody)
    page = (await world.client.get(await world.page(LIZ))).text
    assert "none of them could be told, so the next step followed at once" in page
    await not_reached(world.installation, 3)
    assert (await world.types())[-2:] == ["step_reached_nobody", "exhausted"]


async def test_the_answer_to_a_test_takes_nothing(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    reached = ReplyReceived(
        notification_id=f"{EPISODE}.1",
        message_id=f"{EPISODE}.1.1",
        recipient_id=SUE,
        escalation_id=EPISODE,
        reply="reached",
    )
    stream_id = f"notification-{EPISODE}.1"
    await record(world.installation, "notifier", stream_id, reached, visit_id=VISIT, site_id=SITE)
    await world.installation.quiet()
    assert await world.types() == ["opened", "step_started"]
