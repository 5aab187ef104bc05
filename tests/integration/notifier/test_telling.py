"""Whom notifier tells, how often, and what it makes of each answer: on a real log, with real servers at the other end."""

import json
from datetime import datetime, timedelta
from typing import ClassVar

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook as Signature

from services.notifier.domain import ATTEMPT_LASTS
from shared.contracts.awaited import ReminderDue
from shared.contracts.base import Cites, Event
from shared.contracts.escalations import AcknowledgementRanOut, EscalationExhausted, EscalationJoined
from shared.contracts.notifications import (
    AttemptFailed,
    AttemptStarted,
    AttemptUnknown,
    NotificationWithdrawn,
    NotReached,
)
from shared.contracts.visits import VisitStarted
from shared.runtime.links import link_code
from tests.integration.notifier.conftest import (
    EPISODE,
    FIRST,
    PUBLIC_URL,
    RETRY,
    SECRET,
    VISIT,
    World,
    acknowledged,
    asks,
    opened,
    resolved,
)
from tests.support.history import LIZ, MINUTE, SAM, SITE, SUE, WALT, record
from tests.support.sinks import arrivals

SECOND = f"{EPISODE}.2"
ACCEPTED = ("attempt_started", "attempt_accepted")
FAILED = ("attempt_started", "attempt_failed")
UNKNOWN = ("attempt_started", "attempt_unknown")

pytestmark = pytest.mark.usefixtures("notifier")


class NewerContactPoints(Event):
    """Contact points as no release can read them yet."""

    type: ClassVar[str] = "worker.contact_points_set.v1"
    contact_points: str = "of another shape"


def unreached(recipient_id: str, notification_id: str, reason: str) -> NotReached:
    """Return that a step's notification reached nobody, with what whoever asked needs to go on."""
    return NotReached(
        notification_id=notification_id,
        recipient_id=recipient_id,
        escalation_id=EPISODE,
        kind="step",
        ladder_no=1,
        step=1,
        reason=reason,
    )


async def test_everyone_of_a_step_is_told_once_on_each_contact_point(world: World) -> None:
    await world.can_be_reached(SUE, "mail", "webhook")
    await world.can_be_reached(SAM, "mail")
    await world.escalates(*await opened(world, SUE, SAM))
    await world.outcome("queued", *ACCEPTED, notification_id=SECOND)
    await world.installation.quiet()
    mails, (called,) = await arrivals(world.mail, 2), await arrivals(world.webhook, 1)
    assert sorted(mail["to"] for mail in mails) == ["sam@home.example", "sue@home.example"]
    assert called["path"] == "/sue"
    assert [json.loads(line) for line in world.mail.path.read_text().splitlines()] == mails
    history = await world.installation.history(visit_id=VISIT)
    notified = [found for found in history if found.envelope.stream_id.startswith("notification-")]
    assert {(found.envelope.visit_id, found.envelope.site_id) for found in notified} == {(VISIT, SITE)}
    entries = await world.installation.history(f"recipient-{SUE}")
    assert [(found.envelope.type, found.envelope.visit_id) for found in entries] == [
        ("recipient.attempt_started.v1", None)
    ] * 2


async def test_a_mail_says_who_missed_what_and_what_to_do_and_has_the_personal_link(world: World) -> None:
    await world.can_be_reached(SUE, "mail")
    events = await opened(world, SUE)
    await world.escalates(*events)
    (mail,) = await arrivals(world.mail, 1)
    code = await link_code(world.installation.running["notifier"].keyring, EPISODE, SUE)
    assert mail["subject"] == "Lonewatch: Walt Alone missed a check-in"
    assert f"{events[0].due_at:%H:%M} UTC" in mail["body"]
    assert "acknowledge" in mail["body"]
    assert f"{PUBLIC_URL}/escalation/e/{code}" in mail["body"].split()
    assert mail["message_id"] == f"<{FIRST}.sue-mail@localhost>"


async def test_a_call_is_signed_and_says_what_a_machine_needs_and_how_to_answer(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    await world.escalates(*await opened(world, SUE, trigger="help"))
    (call,) = await arrivals(world.webhook, 1)
    payload = Signature(SECRET).verify(call["raw"], call["headers"])
    (queued, *_) = await world.installation.history(f"notification-{FIRST}")
    assert (payload["type"], call["headers"]["webhook-id"]) == ("lonewatch.notification", f"{FIRST}.sue-webhook")
    assert datetime.fromisoformat(payload["timestamp"]) == queued.recorded_at
    data = payload["data"]
    assert (data["message_id"], data["notification_id"]) == (f"{FIRST}.sue-webhook", FIRST)
    assert (data["kind"], data["trigger"], data["due_at"]) == ("step", "help", None)
    assert (data["escalation_id"], data["visit_id"]) == (EPISODE, VISIT)
    assert "Walt Alone works alone and asked for help" in data["text"]
    assert data["link"].startswith(f"{PUBLIC_URL}/escalation/e/")
    assert data["reply"]["url"] == f"{PUBLIC_URL}/notifier/replies"


@pytest.mark.requirement("M-02")
@pytest.mark.requirement("RO-03")
async def test_a_message_is_handed_over_within_three_seconds_of_the_event_that_asks_for_it(world: World) -> None:
    await world.can_be_reached(SUE, "mail")
    await world.escalates(*await opened(world, SUE))
    (mail,) = await arrivals(world.mail, 1)
    asked = (await world.installation.history("escalation-visit1"))[-1]
    assert datetime.fromisoformat(mail["at"]) - asked.recorded_at < timedelta(seconds=3)


async def test_what_was_acknowledged_before_it_is_sent_is_withdrawn(world: World) -> None:
    await world.can_be_reached(SUE, "mail", "webhook")
    await world.escalates(*await opened(world, SUE), await acknowledged(world))
    history = await world.outcome("queued", "withdrawn")
    assert history[1].event == NotificationWithdrawn(notification_id=FIRST, reason="acknowledged")
    await world.installation.quiet()
    assert world.mail.arrivals == world.webhook.arrivals == []


async def test_an_all_clear_goes_out_although_the_escalation_has_ended_and_asks_for_no_answer(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    await world.escalates(*await opened(world), resolved(SUE))
    (call,) = await arrivals(world.webhook, 1)
    assert (call["body"]["data"]["kind"], call["body"]["data"]["reply"]) == ("all_clear", None)


async def test_whoever_joins_runs_out_or_is_exhausted_tells_with_a_text_of_its_own(world: World) -> None:
    for person in (SUE, SAM, LIZ):
        await world.can_be_reached(person, "mail")
    now = await world.installation.clock.now()
    joined = EscalationJoined(
        escalation_id=EPISODE, trigger="help", trigger_event_id="trigger2", due_at=None, ladder=None, ladder_no=None,
        asks=asks(SUE, first=2),
    )  # fmt: skip
    ran_out = AcknowledgementRanOut(escalation_id=EPISODE, by=SAM, asks=asks(SAM, first=3), next_at=now)
    exhausted = EscalationExhausted(
        escalation_id=EPISODE, ladder_no=1, round=1, asks=asks(LIZ, first=4), next_at=now + MINUTE, cites=Cites()
    )
    await world.escalates(*await opened(world), joined, ran_out, exhausted)
    mails = await arrivals(world.mail, 3)
    assert {mail["subject"] for mail in mails} == {
        "Lonewatch: Walt Alone has now asked for help",
        "Lonewatch: nobody has said yet whether Walt Alone is safe",
        "Lonewatch: Walt Alone missed a check-in and NOBODY has acknowledged",
    }


async def test_a_worker_is_reminded_as_long_as_the_check_in_is_awaited(world: World) -> None:
    await world.can_be_reached(WALT, "mail")
    due_at = await world.installation.clock.now() + MINUTE
    started = VisitStarted(visit_id=VISIT, dynamic_assessment={}, due_at=due_at)
    awaited = ReminderDue(visit_id=VISIT, worker_id=WALT, reminder_id="visit1.r1", occasion="before", due_at=due_at)
    met = ReminderDue(
        visit_id=VISIT, worker_id=WALT, reminder_id="visit1.r2", occasion="before", due_at=due_at - 30 * MINUTE
    )
    await record(world.installation, "checkin", f"visit-{VISIT}", started, awaited, met, visit_id=VISIT, site_id=SITE)
    await world.outcome("queued", *ACCEPTED, notification_id="visit1.r1")
    await world.outcome("queued", "withdrawn", notification_id="visit1.r2")
    (mail,) = world.mail.arrivals
    assert mail["to"] == "walt@home.example"
    assert f"due at {due_at:%H:%M} UTC" in mail["subject"]


async def test_what_is_refused_for_now_is_withdrawn_once_somebody_has_acknowledged(world: World) -> None:
    await world.can_be_reached(SUE, "mail")
    world.mail.behaviour = "refuse_for_now"
    await world.escalates(*await opened(world, SUE))
    await world.outcome("queued", *FAILED)
    await world.escalates(await acknowledged(world))
    await world.installation.clock.forward(RETRY)
    await world.outcome("queued", *FAILED, "withdrawn")
    assert len(world.mail.arrivals) == 1


async def test_nobody_was_reached_when_every_message_failed_for_good(world: World) -> None:
    await world.can_be_reached(SUE, "mail", "webhook")
    world.mail.behaviour = world.webhook.behaviour = "refuse_for_good"
    await world.escalates(*await opened(world, SUE))
    await arrivals(world.mail, 1)
    await arrivals(world.webhook, 1)
    await world.installation.quiet()
    kinds = (await world.ended("not_reached"))[1:]
    assert sorted(kinds[:-1]) == ["attempt_failed"] * 2 + ["attempt_started"] * 2
    await world.installation.clock.forward(10 * MINUTE)
    await world.installation.quiet()
    assert (len(world.mail.arrivals), len(world.webhook.arrivals)) == (1, 1)


async def test_one_way_that_fails_for_good_is_no_matter_where_another_reaches_the_person(world: World) -> None:
    await world.can_be_reached(SUE, "mail", "webhook")
    world.mail.behaviour = "refuse_for_good"
    await world.escalates(*await opened(world, SUE))
    kinds = await world.ended("attempt_failed", "attempt_accepted")
    assert "not_reached" not in kinds


async def test_a_connection_that_is_cut_leaves_it_unknown(world: World) -> None:
    await world.can_be_reached(SUE, "webhook")
    world.webhook.behaviour = "cut"
    await world.escalates(*await opened(world, SUE))
    (*_, unknown) = await world.outcome("queued", *UNKNOWN)
    assert isinstance(unknown.event, AttemptUnknown)
    assert unknown.event.reason == "http_connection_lost"


async def test_a_message_whose_contact_point_was_replaced_goes_to_one_that_the_person_has_now(world: World) -> None:
    await world.can_be_reached(SUE, "mail")
    world.mail.behaviour = "refuse_for_now"
    await world.escalates(*await opened(world, SUE))
    await world.outcome("queued", *FAILED)
    await world.can_be_reached(SUE, "webhook")
    await world.installation.clock.forward(RETRY)
    (*_, again, _) = await world.outcome("queued", *FAILED, *ACCEPTED)
    assert isinstance(again.event, AttemptStarted)
    assert (again.event.message_id, again.event.attempt) == (f"{FIRST}.sue-mail", 2)
    assert (again.event.contact_point_id, again.event.channel) == ("sue-webhook", "webhook")
    (called,) = await arrivals(world.webhook, 1)
    assert called["headers"]["webhook-id"] == f"{FIRST}.sue-mail"
    assert len(world.mail.arrivals) == 1


async def test_without_any_contact_point_left_a_message_fails_for_good(world: World) -> None:
    await world.can_be_reached(SUE, "mail")
    world.mail.behaviour = "refuse_for_now"
    await world.escalates(*await opened(world, SUE))
    await world.outcome("queued", *FAILED)
    await world.can_be_reached(SUE)
    await world.installation.clock.forward(RETRY)
    (*_, failed, not_reached) = await world.outcome("queued", *FAILED, *FAILED, "not_reached")
    assert isinstance(failed.event, AttemptFailed)
    assert (failed.event.reason, failed.event.retry_at) == ("contact_point_removed", None)
    assert not_reached.event == unreached(SUE, FIRST, "every_message_failed")
    assert len(world.mail.arrivals) == 1


async def test_an_event_that_asks_nobody_is_passed_by(world: World, notifier: httpx2.AsyncClient) -> None:
    await world.escalates(*await opened(world))
    await world.installation.quiet()
    assert not [name for name in await world.installation.types(visit_id=VISIT) if name.startswith("notification")]
    assert (await notifier.get("/readyz")).json()["ready"] is True


async def test_what_is_refused_for_now_goes_again_under_the_same_id(world: World) -> None:
    await world.can_be_reached(SUE, "mail")
    await world.can_be_reached(SAM, "webhook")
    world.mail.behaviour = world.webhook.behaviour = "refuse_for_now"
    await world.escalates(*await opened(world, SUE, SAM))
    for notification_id in (FIRST, SECOND):
        failed = await world.outcome("queued", *FAILED, notification_id=notification_id)
        assert isinstance(failed[-1].event, AttemptFailed)
        assert failed[-1].event.retry_at is not None
    world.mail.behaviour = world.webhook.behaviour = "accept"
    await world.installation.clock.forward(RETRY)
    for notification_id in (FIRST, SECOND):
        await world.outcome("queued", *FAILED, *ACCEPTED, notification_id=notification_id)
    first, second = world.mail.arrivals
    assert (first["message_id"], first["body"]) == (second["message_id"], second["body"])
    first, second = world.webhook.arrivals
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    assert first["raw"] == second["raw"]


async def test_a_call_that_nobody_answers_is_unknown_when_its_time_has_passed_and_goes_again(world: World) -> None:
    await world.can_be_reached(SUE, "mail")
    await world.can_be_reached(SAM, "webhook")
    world.mail.behaviour = world.webhook.behaviour = "hang"
    await world.escalates(*await opened(world, SUE, SAM))
    await arrivals(world.mail, 1)
    await arrivals(world.webhook, 1)
    world.mail.behaviour = world.webhook.behaviour = "accept"
    await world.installation.clock.forward(ATTEMPT_LASTS)
    for notification_id in (FIRST, SECOND):
        (*_, unknown) = await world.outcome("queued", *UNKNOWN, notification_id=notification_id)
        assert isinstance(unknown.event, AttemptUnknown)
        assert unknown.event.reason == "no_outcome"
    await world.installation.clock.forward(RETRY)
    for notification_id in (FIRST, SECOND):
        await world.outcome("queued", *UNKNOWN, *ACCEPTED, notification_id=notification_id)
    assert (len(world.mail.arrivals), len(world.webhook.arrivals)) == (2, 2)
    await world.hang_up()


async def test_providers_that_do_not_answer_hold_up_nobody_else(world: World) -> None:
    people = [f"person{number}" for number in range(12)]
    for person in people:
        await world.can_be_reached(person, "webhook", "mail")
    world.webhook.behaviour = "hang"
    await world.escalates(*await opened(world, *people))
    await arrivals(world.webhook, len(people))
    await arrivals(world.mail, len(people))
    assert len({mail["to"] for mail in world.mail.arrivals}) == len(people) == len(world.mail.arrivals)
    await world.hang_up()


async def test_two_hundred_repeats_at_a_provider_that_hangs_delay_no_first_attempt(world: World) -> None:
    people = [f"person{number}" for number in range(50)]
    for person in people:
        await world.can_be_reached(person, "webhook", times=4)  # one second apart, and few enough for a repeat
    await world.can_be_reached(SAM, "mail")
    world.webhook.behaviour = "hang"
    await world.escalates(*await opened(world, *people))
    await arrivals(world.webhook, 200)
    await world.installation.clock.forward(ATTEMPT_LASTS + RETRY)
    await arrivals(world.webhook, 400)
    joined = EscalationJoined(
        escalation_id=EPISODE,
        trigger="help",
        trigger_event_id="trigger2",
        due_at=None,
        ladder=None,
        ladder_no=2,
        asks=asks(SAM, first=900),
    )
    await world.escalates(joined)
    await world.outcome("queued", *ACCEPTED, notification_id=f"{EPISODE}.900")
    assert len(await arrivals(world.mail, 1)) == 1
    assert not await world.nothing_in_flight(), "the repeats hang all the while"
    await world.hang_up()


async def test_whoever_cannot_be_reached_is_in_the_log_and_costs_nobody_else_the_message(world: World) -> None:
    await world.can_be_reached(SAM, "mail")
    await record(world.installation, "checkin", f"worker-{SUE}", NewerContactPoints(), site_id=SITE)
    await world.escalates(*await opened(world, SUE, LIZ, SAM))
    _, unreadable = await world.outcome("queued", "not_reached")
    _, without = await world.outcome("queued", "not_reached", notification_id=SECOND)
    assert unreadable.event == unreached(SUE, FIRST, "contact_points_unreadable")
    assert without.event == unreached(LIZ, SECOND, "no_contact_point")
    (mail,) = await arrivals(world.mail, 1)
    assert mail["to"] == "sam@home.example"


async def test_what_was_erased_is_neither_said_nor_called(world: World) -> None:
    for person in (SUE, SAM):
        await world.can_be_reached(person, "mail")
    for person in (SUE, WALT):
        await world.erase(person)
    await world.escalates(*await opened(world, SUE, SAM))
    (*_, failed, _) = await world.outcome("queued", *FAILED, "not_reached")
    assert isinstance(failed.event, AttemptFailed)
    assert (failed.event.reason, failed.event.retry_at) == ("contact_point_erased", None)
    (mail,) = await arrivals(world.mail, 1)
    assert (mail["to"], mail["subject"]) == ("sam@home.example", "Lonewatch: (erased) missed a check-in")
