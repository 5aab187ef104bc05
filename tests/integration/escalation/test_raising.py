"""What opens an escalation, what joins it, and when its steps start: on the log, through the feed and the clock."""

from typing import ClassVar

import pytest

from services.escalation.app import build
from shared.contracts.base import Event
from shared.contracts.envelope import Recorded, decode_by
from shared.contracts.escalations import EscalationAcknowledged, EscalationExhausted, EscalationOpened, StepStarted
from shared.runtime import log
from shared.runtime.service import running
from tests.integration.escalation.conftest import EPISODE, STREAM, VISIT, World
from tests.support.history import (
    FIRST_WAIT,
    HELP_WAIT,
    LASTS,
    LIZ,
    MINUTE,
    OLGA,
    POLICY,
    REPEATS,
    ROLES,
    SAM,
    SECOND_WAIT,
    SITE,
    SUE,
    WALT,
    help_at_visit,
    help_without_visit,
    make_site,
    missed_visit,
    record,
    reply,
    withdraw,
)
from tests.support.services import Installation


class NewerPolicy(Event):
    """A version of a policy as no release can read it yet."""

    type: ClassVar[str] = "policy.adopted.v1"
    policy_version: str = "of another shape"


class NewerGrant(Event):
    """A grant as no release can read it yet."""

    type: ClassVar[str] = "grant.given.v1"
    holder: str = "of another shape"


@pytest.mark.requirement("M-01")
@pytest.mark.requirement("M-02")
@pytest.mark.requirement("RO-03")
async def test_a_missed_check_in_opens_an_escalation_and_tells_the_first_step_in_one_decision(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    opened, first = await world.installation.history(STREAM)
    assert isinstance(opened.event, EscalationOpened)
    assert (opened.event.escalation_id, opened.event.policy_version) == (EPISODE, 1)
    assert (opened.envelope.visit_id, opened.envelope.site_id) == (VISIT, SITE)
    assert opened.recorded_at == first.recorded_at
    missed = (await world.installation.history(f"visit-{VISIT}"))[-1]
    assert opened.envelope.causation_id == missed.envelope.event_id
    assert opened.envelope.correlation_id == missed.envelope.correlation_id
    assert await world.told() == [{SUE, SAM}]


async def test_two_replicas_open_one_escalation_for_each_missed_check_in(installation: Installation) -> None:
    await make_site(installation)
    visits = [f"visit{number}" for number in range(8)]
    async with (
        installation.service("escalation", token="nobody"),
        running("escalation", installation.settings("escalation", replica="2"), build),
    ):
        for visit_id in visits:
            await missed_visit(installation, visit_id)
        await installation.quiet()
        await installation.clock.forward(FIRST_WAIT)
        await installation.quiet()
    for visit_id in visits:
        types = await installation.types(f"escalation-{visit_id}")
        assert types == ["escalation.opened.v1", *["escalation.step_started.v1"] * 2]


async def test_what_was_missed_while_no_replica_ran_opens_when_one_starts(installation: Installation) -> None:
    await make_site(installation)
    await missed_visit(installation)
    async with installation.service("escalation", token="nobody"):
        await installation.quiet()
    assert await installation.types(STREAM) == ["escalation.opened.v1", "escalation.step_started.v1"]


async def test_help_joins_an_open_escalation_tells_who_knows_of_it_and_starts_its_own_ladder(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    await help_at_visit(world.installation)
    await world.installation.quiet()
    assert await world.types() == ["opened", "step_started", "joined", "step_started"]
    assert await world.told() == [{SUE, SAM}, {SUE, SAM}, {LIZ}]


async def test_help_without_a_visit_runs_on_the_policy_that_the_site_follows_now(world: World) -> None:
    await help_without_visit(world.installation)
    await world.installation.quiet()
    opened, first = await world.installation.history(f"escalation-{WALT}")
    assert isinstance(opened.event, EscalationOpened)
    assert isinstance(first.event, StepStarted)
    assert (opened.event.visit_id, opened.envelope.visit_id) == (None, None)
    assert (opened.event.policy_id, opened.event.policy_version) == (POLICY, 1)
    assert first.event.name == "Go there now"
    assert [ask.worker_id for ask in first.event.asks] == [LIZ]


@pytest.mark.requirement("M-09")
@pytest.mark.requirement("EM-04")
async def test_each_step_starts_at_its_time_and_then_everyone_is_told_again_and_again(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    told = [{SUE, SAM}]
    for wait, who in [(FIRST_WAIT, {LIZ}), (SECOND_WAIT, {SUE, SAM, LIZ, OLGA}), (REPEATS, {SUE, SAM, LIZ, OLGA})]:
        await world.installation.clock.forward(wait - MINUTE)
        await world.installation.quiet()
        assert await world.told() == told
        await world.installation.clock.forward(MINUTE)
        await world.installation.quiet()
        told.append(who)
        assert await world.told() == told
    last = (await world.installation.history(STREAM))[-1].event
    assert isinstance(last, EscalationExhausted)
    assert last.round == 2


@pytest.mark.requirement("RO-07")
async def test_who_is_told_is_looked_up_when_a_step_starts(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    await withdraw(world.installation, LIZ)
    await world.installation.clock.forward(FIRST_WAIT)
    await world.installation.quiet()
    assert await world.types() == ["opened", "step_started", "step_started", "exhausted"]
    assert await world.told() == [{SUE, SAM}, {SUE, SAM, OLGA}]


async def test_an_acknowledgement_stops_the_ladder_until_it_runs_out(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    await reply(world.installation, EPISODE, SUE, VISIT)
    await world.installation.quiet()
    await world.installation.clock.forward(LASTS - MINUTE)
    await world.installation.quiet()
    assert await world.types() == ["opened", "step_started", "acknowledged"]
    await world.installation.clock.forward(MINUTE)
    await world.installation.quiet()
    assert await world.types() == ["opened", "step_started", "acknowledged", "acknowledgement_ran_out", "step_started"]
    assert await world.told() == [{SUE, SAM}, {SUE, SAM}, {LIZ}]


async def test_a_version_of_the_policy_that_cannot_be_read_tells_everyone_at_once(world: World) -> None:
    await record(world.installation, "checkin", f"policy-{POLICY}", NewerPolicy())
    await missed_visit(world.installation, version=2)
    await world.installation.quiet()
    assert await world.types() == ["opened", "exhausted"]
    assert await world.told() == [{SUE, SAM, LIZ, OLGA}]


async def test_a_newer_version_that_cannot_be_read_leaves_the_one_frozen_in_the_visit_as_it_is(world: World) -> None:
    await record(world.installation, "checkin", f"policy-{POLICY}", NewerPolicy())
    await missed_visit(world.installation, version=1)
    await world.installation.quiet()
    assert await world.types() == ["opened", "step_started"]


async def test_a_grant_that_cannot_be_read_leaves_the_others_to_be_told(world: World) -> None:
    await record(world.installation, "checkin", f"grant-{SITE}", NewerGrant(), site_id=SITE)
    await missed_visit(world.installation)
    await world.installation.quiet()
    assert await world.told() == [{SUE, SAM}]


async def test_a_policy_and_its_grants_are_read_once_however_many_triggers_come_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []

    def counted(record: bytes, release: str) -> Recorded:
        recorded = decode_by(record, release)
        if recorded.envelope.type.startswith(("grant.", "policy.")):
            read.append(record)
        return recorded

    monkeypatch.setattr(log, "decode_by", counted)
    for number in range(10):
        await missed_visit(world.installation, f"visit{number}")
    await world.installation.quiet()
    assert len(await world.types()) == 2
    assert 0 < len(read) == len(set(read)) <= 1 + len(ROLES)


async def test_help_of_a_worker_whose_site_has_no_policy_tells_everyone_at_once(installation: Installation) -> None:
    async with installation.service("escalation", token="nobody"):
        await help_without_visit(installation)
        await installation.quiet()
    assert await installation.types(f"escalation-{WALT}") == ["escalation.opened.v1", "escalation.exhausted.v1"]


async def test_a_reply_acknowledges_as_the_person_who_sent_it(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    await reply(world.installation, EPISODE, SAM, VISIT)
    await world.installation.quiet()
    taken = (await world.installation.history(STREAM))[-1]
    assert isinstance(taken.event, EscalationAcknowledged)
    assert (taken.event.by, taken.event.via, taken.envelope.actor) == (SAM, "reply", SAM)


async def test_a_reply_takes_only_the_ladders_that_had_started_when_its_sender_was_told(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    await help_at_visit(world.installation)
    await world.installation.quiet()
    to_old, to_new = f"{EPISODE}.1", f"{EPISODE}.3"
    for notification_id in (f"{EPISODE}.99", to_old, to_new):
        await reply(world.installation, EPISODE, SUE, VISIT, notification_id)
        await world.installation.quiet()
    taken = [recorded.event for recorded in await world.installation.history(STREAM)][4:]
    assert [(event.ladders, event.running) for event in taken if isinstance(event, EscalationAcknowledged)] == [
        ((1,), (2,)),
        ((2,), ()),
    ]


async def test_a_reply_that_may_not_acknowledge_changes_nothing_and_holds_up_nothing(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    await reply(world.installation, EPISODE, WALT, VISIT)
    await reply(world.installation, EPISODE, "stranger", VISIT)
    await reply(world.installation, EPISODE, SUE, VISIT)
    await reply(world.installation, EPISODE, SAM, VISIT)
    for escalation_id in ("visit1.7", "nowhere.1", None):
        await reply(world.installation, escalation_id, SAM, VISIT)
    await help_at_visit(world.installation)
    await world.installation.quiet()
    acknowledged = [
        recorded.event
        for recorded in await world.installation.history(STREAM)
        if isinstance(recorded.event, EscalationAcknowledged)
    ]
    assert [event.by for event in acknowledged] == [SUE]
    assert "joined" in await world.types()


async def test_help_alarms_anew_after_somebody_has_taken_the_missed_check_in(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    await reply(world.installation, EPISODE, SUE, VISIT)
    await world.installation.quiet()
    await help_at_visit(world.installation)
    await world.installation.quiet()
    await world.installation.clock.forward(HELP_WAIT)
    await world.installation.quiet()
    assert await world.told() == [{SUE, SAM}, {SUE, SAM}, {LIZ}, {SUE, SAM, LIZ, OLGA}]
