"""How one attempt is made: once among replicas, never against an acknowledgement, and never lost with a process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from services.notifier.app import build, channels
from services.notifier.application import (
    Caller,
    Composer,
    Messages,
    People,
    Sender,
    Starter,
    TimingOut,
    calling,
    starting,
)
from services.notifier.application.crash import nothing
from services.notifier.application.sending import SendingFailedError
from services.notifier.channels import Channel, Outgoing, Receipt
from services.notifier.channels.mail import Mail
from services.notifier.domain import ATTEMPT_LASTS
from services.notifier.settings import Settings
from shared.contracts.escalations import AcknowledgementRanOut
from shared.contracts.notifications import AttemptFailed, AttemptUnknown, Message, NotificationQueued
from shared.runtime.commands import Commands, Handled
from shared.runtime.deadlines import Due
from shared.runtime.log import Append, Outcome, WrongExpectedVersion
from shared.runtime.service import Base, Parts, Running, running
from shared.runtime.telemetry import REGISTRY
from tests.integration.notifier.conftest import (
    EPISODE,
    FIRST,
    PUBLIC_URL,
    RETRY,
    STREAM,
    VISIT,
    World,
    acknowledged,
    asks,
    opened,
    opening_of,
)
from tests.support.history import SAM, SITE, SUE, WALT, record
from tests.support.sinks import arrivals
from tests.support.waiting import until

MESSAGE = f"{FIRST}.sue-mail"
DUE = Due(f"notification-{FIRST}", "send", MESSAGE, datetime(2026, 3, 2, tzinfo=UTC))


@dataclass
class Stuck:
    """A channel that never comes back, as one looks whose process dies during the call."""

    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, _outgoing: Outgoing) -> Receipt:
        self.called.set()
        await asyncio.Event().wait()
        raise AssertionError


@dataclass
class Faulty:
    """A channel with a fault of its own."""

    async def send(self, outgoing: Outgoing) -> Receipt:
        raise KeyError(outgoing.address)


@dataclass
class Interrupted:
    """A sequencer that lets something else be appended just before the first command."""

    running: Running
    first: Any

    async def append(self, append: Append) -> Outcome:
        if self.first is not None:
            first, self.first = self.first, None
            await first
        return await self.running.commands.sequencer.append(append)


@asynccontextmanager
async def idle(world: World) -> AsyncIterator[Running]:
    """Run a notifier that follows nothing and has no clock, so that a test makes each move itself."""

    def no_parts(_base: Base) -> Parts:
        return Parts((), (), {}, lambda _running: pytest.fail("no requests here"))

    settings = world.installation.settings("notifier", **world.settings)
    async with running("notifier", settings, no_parts) as (service, _):
        yield service


def sender(service: Running, mail: Channel, commands: Commands | None = None) -> Sender:
    """Return a sender with this channel for mail."""
    commands = commands or service.commands
    composer = Composer(service.keyring, People(service.commands), Messages(), PUBLIC_URL)
    caller = Caller(commands, composer, {"mail": mail}, timedelta(seconds=10), nothing)
    return Sender(commands, Starter(commands, composer, nothing), caller, TimingOut(commands), set())


async def sent(one: Sender) -> None:
    """Let a sender take the message that is due, and wait until it is done with it."""
    await one.hand_over(DUE)
    while one.tasks:
        await asyncio.gather(*one.tasks)


async def queued(world: World) -> None:
    """Let a notification to Sue be queued, by mail, which nobody has sent yet."""
    opening, step = await opened(world, SUE)
    await world.can_be_reached(SUE, "mail")
    await world.escalates(opening, step)
    event = NotificationQueued(
        notification_id=FIRST,
        recipient_id=SUE,
        kind="step",
        asked_by=STREAM,
        escalation_id=EPISODE,
        ladder_no=1,
        step=1,
        trigger="check_in_missed",
        due_at=await world.installation.clock.now(),
        send_at=await world.installation.clock.now(),
        worker_id=WALT,
        messages=(Message(message_id=MESSAGE, contact_point_id="sue-mail", channel="mail"),),
    )
    await record(world.installation, "notifier", f"notification-{FIRST}", event, visit_id=VISIT, site_id=SITE)


async def test_two_replicas_make_one_call_for_each_attempt(world: World) -> None:
    people = [SUE, SAM, "ann", "bob", "cai", "dot"]
    for person in people:
        await world.can_be_reached(person, "mail", "webhook")
    other = world.installation.settings("notifier", replica="2", **world.settings)
    async with (
        world.installation.service("notifier", token="nobody", **world.settings),
        running("notifier", other, build),
    ):
        world.mail.behaviour = "refuse_for_now"
        await world.escalates(*await opened(world, *people))
        await arrivals(world.mail, len(people))
        await arrivals(world.webhook, len(people))
        for number in range(1, len(people) + 1):
            await world.ended("attempt_failed", "attempt_accepted", notification_id=f"{EPISODE}.{number}")
        world.mail.behaviour = "accept"
        await world.installation.clock.forward(RETRY)
        for number in range(1, len(people) + 1):
            await world.accepted_twice(f"{EPISODE}.{number}")
        await world.installation.quiet()
    assert (len(world.mail.arrivals), len(world.webhook.arrivals)) == (2 * len(people), len(people))
    started = [name for name in await world.installation.types() if name == "notification.attempt_started.v1"]
    entered = [name for name in await world.installation.types() if name == "recipient.attempt_started.v1"]
    assert len(started) == len(entered) == 3 * len(people)


async def test_a_process_that_dies_during_the_call_leaves_an_attempt_that_is_unknown_and_goes_again(
    world: World,
) -> None:
    await queued(world)
    async with idle(world) as service:
        stuck = Stuck()
        one = sender(service, stuck)
        await one.hand_over(DUE)
        await stuck.called.wait()
        for task in one.tasks:
            task.cancel()
        await asyncio.gather(*one.tasks, return_exceptions=True)
    assert await world.kinds() == ["queued", "attempt_started"]
    async with world.installation.service("notifier", token="nobody", **world.settings):
        await world.installation.quiet()
        assert world.mail.arrivals == []
        await world.installation.clock.forward(ATTEMPT_LASTS)
        (*_, unknown) = await world.outcome("queued", "attempt_started", "attempt_unknown")
        assert isinstance(unknown.event, AttemptUnknown)
        await world.installation.clock.forward(RETRY)
        await world.outcome("queued", "attempt_started", "attempt_unknown", "attempt_started", "attempt_accepted")
    assert len(world.mail.arrivals) == 1


async def test_an_acknowledgement_that_comes_while_an_attempt_is_decided_is_seen_before_it_starts(world: World) -> None:
    await queued(world)
    async with idle(world) as service:
        stuck = Stuck()
        interrupted: Any = Interrupted(service, world.escalates(await acknowledged(world)))
        commands = replace(service.commands, sequencer=interrupted)
        await sent(sender(service, stuck, commands))
    assert await world.kinds() == ["queued", "withdrawn"]
    assert not stuck.called.is_set()
    assert await world.installation.types(f"recipient-{SUE}") == []


async def test_a_fault_of_a_channel_leaves_the_outcome_unknown_and_a_line(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await queued(world)
    async with idle(world) as service:
        await sent(sender(service, Faulty()))
    assert "channel_failed" in capsys.readouterr().out
    (*_, unknown) = await world.outcome("queued", "attempt_started", "attempt_unknown")
    assert isinstance(unknown.event, AttemptUnknown)
    assert unknown.event.reason == "channel_failed"
    assert unknown.event.retry_at is not None


async def test_mail_without_a_mail_server_fails_for_good_and_says_why(world: World) -> None:
    await world.can_be_reached(SUE, "mail")
    async with world.installation.service("notifier", token="nobody"):
        await world.escalates(*await opened(world, SUE))
        (*_, failed, _) = await world.outcome("queued", "attempt_started", "attempt_failed", "not_reached")
    assert isinstance(failed.event, AttemptFailed)
    assert (failed.event.reason, failed.event.retry_at) == ("channel_not_configured", None)


async def test_a_call_takes_no_longer_than_it_may(world: World) -> None:
    await world.can_be_reached(SUE, "mail", "webhook")
    world.mail.behaviour = world.webhook.behaviour = "hang"
    async with world.installation.service("notifier", token="nobody", call_seconds=0.2, **world.settings):
        await world.escalates(*await opened(world, SUE))

        async def both() -> bool:
            return (await world.kinds()).count("attempt_unknown") == 2

        await until(both)
    unknown = [found.event for found in await world.installation.history(f"notification-{FIRST}")]
    reasons = {event.reason for event in unknown if isinstance(event, AttemptUnknown)}
    assert reasons == {"smtp_no_answer", "http_no_answer"}


async def test_what_became_of_messages_and_how_late_the_first_was_is_measured(world: World) -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    accepted = value("lonewatch_messages_total", channel="mail", outcome="accepted")
    measured = value("lonewatch_first_attempt_seconds_count", channel="mail")
    await world.can_be_reached(SUE, "mail")
    async with world.installation.service("notifier", token="nobody", **world.settings):
        await world.escalates(*await opened(world, SUE))
        await world.outcome("queued", "attempt_started", "attempt_accepted")

        async def counted() -> bool:
            return value("lonewatch_messages_total", channel="mail", outcome="accepted") == accepted + 1

        await until(counted)
    assert value("lonewatch_first_attempt_seconds_count", channel="mail") == measured + 1


@pytest.mark.parametrize(
    ("security", "tls"),
    [("none", "none"), ("opportunistic", "opportunistic"), ("starttls", "starttls"), ("tls", "implicit")],
)
def test_each_way_to_secure_mail_is_one_of_the_channel(
    security: Literal["none", "opportunistic", "starttls", "tls"], tls: str
) -> None:
    empty = SecretStr("")
    settings = Settings(
        database=empty,
        keys_database=empty,
        wrapping_key_file=Path(),
        port=1,
        smtp_host="mail.test",
        smtp_security=security,
    )
    mail = channels(settings)["mail"]
    assert isinstance(mail, Mail)
    assert mail.tls == tls


async def test_a_process_that_was_stopped_between_start_and_call_does_not_call_too_late(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queued(world)
    passed = iter([0.0])
    monkeypatch.setattr(calling, "monotonic", lambda: 13.0)
    monkeypatch.setattr(starting, "monotonic", lambda: next(passed))
    async with idle(world) as service:
        stuck = Stuck()
        await sent(sender(service, stuck))
    assert not stuck.called.is_set()
    assert await world.kinds() == ["queued", "attempt_started"], "its own deadline makes it unknown"


async def test_a_service_that_stops_lets_a_call_end_and_leaves_the_rest_to_its_row(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    world.webhook.behaviour = "hang"
    async with world.installation.service("notifier", token="nobody", **world.settings):
        await world.escalates(*await opened(world, SUE))
        await arrivals(world.webhook, 1)
        ran_out = AcknowledgementRanOut(
            escalation_id=EPISODE, by=SAM, asks=asks(SUE, first=2), next_at=await world.installation.clock.now()
        )
        await world.escalates(ran_out)
        await world.outcome("queued", notification_id=f"{EPISODE}.2")  # which waits for its slot
        hung_up = asyncio.create_task(world.webhook.hang_up())
    await hung_up
    assert await world.kinds() == ["queued", "attempt_started", "attempt_unknown"]
    assert await world.kinds(f"{EPISODE}.2") == ["queued"]
    assert await world.installation.admin.fetchval("SELECT count(*) FROM log.deadline WHERE kind = 'send'") == 2


async def test_what_falls_due_by_the_thousand_is_handed_over_at_once(world: World) -> None:
    async with idle(world) as service:
        one = sender(service, Stuck())
        for number in range(2400):
            await one.hand_over(Due(f"notification-none{number}", "send", "m1", DUE.due_at))
        (task,) = one.tasks
        assert not task.done(), "whoever hands over does not wait"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_message_that_cannot_be_read_keeps_nobody_else_waiting_and_is_said_to_fail(world: World) -> None:
    await queued(world)
    broken = Due("notification-none", "send", "m1", DUE.due_at)
    async with idle(world) as service:
        one = sender(service, Faulty())
        await one.hand_over(broken)
        await sent(one)
        assert (await world.kinds())[:2] == ["queued", "attempt_started"]
        with pytest.raises(SendingFailedError):
            await one.hand_over(broken)
        await asyncio.gather(*one.tasks)


async def test_one_escalation_where_others_are_always_first_holds_up_none_of_the_others_of_a_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.can_be_reached(SUE, "webhook")
    told = {f"visit{number}.1.1" for number in range(1, 7)}
    hot, handle = "escalation-visit3", Commands.handle

    async def refusing(self: Commands, name: str, stream_ids: Any, *given: Any, **more: Any) -> Handled:
        if name == "start_attempt" and hot in stream_ids:
            raise WrongExpectedVersion(hot)
        return await handle(self, name, stream_ids, *given, **more)

    def learnt() -> set[str]:
        return {one for line in world.webhook.arrivals for one in line["notifications"]}

    async def all_but_one() -> bool:
        return learnt() == told - {"visit3.1.1"}

    async def everything() -> bool:
        return learnt() == told

    monkeypatch.setattr(Commands, "handle", refusing)
    async with world.installation.service("notifier", token="nobody", **world.settings):
        for number in range(1, 7):
            opening, step = await opening_of(world, f"visit{number}", SUE)
            await world.escalates(opening, step, visit_id=f"visit{number}")
        await until(all_but_one)
        monkeypatch.setattr(Commands, "handle", handle)
        await until(everything)
