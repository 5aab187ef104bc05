"""The duress PIN looks like the ordinary one: the same bytes to the worker's device, whatever it asks, and duress on record."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any

import asyncpg
import httpx2
import pytest
from argon2 import PasswordHasher

from shared.contracts.base import OPERATOR_SITE
from shared.contracts.escalations import EscalationJoined, EscalationOpened
from shared.contracts.situations import VisitDuressSignalled, WorkerDuressSignalled
from shared.contracts.visits import CheckInRecorded, VisitHelpRequested, WorkerHelpRequested
from shared.runtime import pins
from shared.runtime.ids import new_id
from shared.runtime.log import Unavailable
from shared.runtime.sequencer import Sequencer
from shared.runtime.watch import Impairment, Watch
from tests.integration.checkin.test_help import in_state, spoilt
from tests.integration.checkin.test_situations import others_are_first
from tests.support.services import bearer
from tests.support.world import ANNA, BEN, CARA, GRACE, INTERVAL, World

PIN, DURESS, WRONG = "2580", "8520", "1111"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SIGNALS = {VisitDuressSignalled.type, WorkerDuressSignalled.type}

INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
MASKS = ((INSTANT, "AT"), (r"[0-9a-f]{32}", "ID"), (r'"position":\d+', '"position":N'))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "AFTER_A_WRONG_ONE", 0.0)
    monkeypatch.setattr(pins, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def masked(answer: httpx2.Response) -> tuple[int, dict[str, str], str]:
    """Return all that a device gets, without ids, instants, positions, and the length that follows from them."""
    text = answer.text
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text)
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    assert int(answer.headers["content-length"]) == len(answer.content)
    return answer.status_code, headers, text


async def with_pins(world: World, who: str = ANNA) -> World:
    await world.done(who, "PUT", f"/workers/{who}/pins", {"pin": PIN, "duress_pin": DURESS})
    return world


async def signalled(world: World) -> list[Any]:
    """Return what the log has of duress."""
    return [one for one in await world.installation.history() if one.envelope.type in SIGNALS]


# ------------------------------------------------------------------------------------------------- what a device can see


@dataclass
class Device:
    """Anna's, and all that it was answered."""

    world: World
    pin: str
    name: str = field(default_factory=new_id)
    seen: list[tuple[int, dict[str, str], str]] = field(default_factory=list)

    async def says(
        self, path: str, body: Mapping[str, Any] | None = None, key: str | None = None, pin: str | None = None
    ) -> None:
        """Send something with the PIN."""
        headers = {"Idempotency-Key": f"{key}-{self.name}"} if key else {}
        sent = {**(body or {}), "pin": pin or self.pin}
        self.seen.append(masked(await self.world.send(ANNA, "POST", path, sent, headers=headers)))

    async def looks(self, visit_id: str | None) -> None:
        """Read whatever Anna may read, and go on as on any other day."""
        await self.world.installation.quiet()
        paths = [f"/workers/{ANNA}", *([f"/visits/{visit_id}"] if visit_id else [])]
        self.seen += [masked(await self.world.send(ANNA, "GET", path)) for path in paths]
        if visit_id:
            for path in ("check-ins", "end"):
                await self.says(f"/visits/{visit_id}/{path}", pin=PIN)


Situation = Callable[[Device], Awaitable[str | None]]


async def later(device: Device, by: timedelta) -> str:
    return (await device.world.installation.clock.now() + by).isoformat()


async def in_time(device: Device) -> str:
    visit_id = await device.world.started()
    await device.says(f"/visits/{visit_id}/check-ins")
    return visit_id


async def extended(device: Device) -> str:
    visit_id = await device.world.started()
    await device.says(f"/visits/{visit_id}/extensions", {"expected_end_at": await later(device, 5 * HOUR)})
    return visit_id


async def ended(device: Device) -> str:
    visit_id = await device.world.started()
    await device.says(f"/visits/{visit_id}/end")
    return visit_id


async def ended_as_unsafe(device: Device) -> str:
    visit_id = await device.world.started()
    await device.says(f"/visits/{visit_id}/end", {"reason": "unsafe"})
    return visit_id


async def last_before_the_end(device: Device) -> str:
    visit_id = await device.world.started(lasts=INTERVAL / 2)
    await device.says(f"/visits/{visit_id}/check-ins")
    return visit_id


async def reminded(world: World) -> str:
    """Return a visit whose check-in is due, and every reminder given: none is left that the clock may pass over."""
    visit_id = await world.started(lasts=9 * HOUR)
    for span in (INTERVAL - 5 * MINUTE, 6 * MINUTE):
        await world.installation.clock.forward(span)
        await world.installation.quiet()
    return visit_id


async def missed(world: World) -> str:
    visit_id = await reminded(world)
    await world.installation.clock.forward(GRACE)
    await world.installation.quiet()
    return visit_id


async def late(device: Device) -> str:
    visit_id = await missed(device.world)
    await device.says(f"/visits/{visit_id}/check-ins")
    return visit_id


async def late_before_the_clock_has_looked(device: Device) -> str:
    visit_id = await reminded(device.world)
    await device.world.installation.clock.forward(2 * GRACE)
    await device.says(f"/visits/{visit_id}/check-ins")
    return visit_id


async def late_end(device: Device) -> str:
    visit_id = await missed(device.world)
    await device.says(f"/visits/{visit_id}/end")
    return visit_id


def wrong_state(state: str) -> Situation:
    async def situation(device: Device) -> str:
        visit_id = await in_state_with_pin(device.world, state)
        await device.says(f"/visits/{visit_id}/check-ins")
        return visit_id

    return situation


async def in_state_with_pin(world: World, state: str) -> str:
    """Return a visit in a state; one that has ended was ended with the ordinary PIN."""
    if state != "ended":
        return await in_state(world, state)
    visit_id = await world.started()
    await world.done(ANNA, "POST", f"/visits/{visit_id}/end", {"pin": PIN})
    return visit_id


async def ended_before_alike(device: Device) -> str:
    visit_id = await in_state_with_pin(device.world, "ended")
    await device.says(f"/visits/{visit_id}/end")
    return visit_id


async def ended_before_otherwise(device: Device) -> str:
    visit_id = await in_state_with_pin(device.world, "ended")
    await device.says(f"/visits/{visit_id}/end", {"reason": "unwell"})
    return visit_id


async def an_end_that_has_passed(device: Device) -> str:
    visit_id = await device.world.started()
    await device.says(f"/visits/{visit_id}/extensions", {"expected_end_at": await later(device, -HOUR)})
    return visit_id


async def an_unknown_visit(device: Device) -> None:
    await device.says("/visits/0123456789abcdef0123456789abcdef/check-ins")


async def no_id(device: Device) -> None:
    await device.says("/visits/not%20an%20id/check-ins")


async def somebody_else_s_visit(device: Device) -> None:
    world = device.world
    planned = await world.done(BEN, "POST", "/visits", await world.plan_body(worker_id=BEN))
    await device.says(f"/visits/{planned['visit_id']}/check-ins")


async def a_body_that_is_not_understood(device: Device) -> str:
    visit_id = await device.world.started()
    await device.says(f"/visits/{visit_id}/check-ins", {"battery": 3})
    await device.says(f"/visits/{visit_id}/extensions")
    return visit_id


async def sent_again(device: Device) -> str:
    visit_id = await device.world.started()
    for _ in range(3):
        await device.says(f"/visits/{visit_id}/check-ins", key="one")
    return visit_id


async def refused_and_sent_again(device: Device) -> str:
    visit_id = await in_state_with_pin(device.world, "ended")
    for _ in range(3):
        await device.says(f"/visits/{visit_id}/check-ins", key="one")
    return visit_id


async def an_empty_answer_sent_again(device: Device) -> str:
    visit_id = await in_state_with_pin(device.world, "ended")
    for _ in range(3):
        await device.says(f"/visits/{visit_id}/end", key="one")
    return visit_id


async def sent_again_after_the_ordinary_pin(device: Device) -> str:
    visit_id = await device.world.started()
    await device.says(f"/visits/{visit_id}/check-ins", key="one", pin=PIN)
    for _ in range(2):
        await device.says(f"/visits/{visit_id}/check-ins", key="one")
    return visit_id


async def sent_again_with_the_ordinary_pin(device: Device) -> str:
    visit_id = await device.world.started()
    await device.says(f"/visits/{visit_id}/end", key="one")
    await device.says(f"/visits/{visit_id}/end", key="one", pin=PIN)
    return visit_id


async def under_a_key_that_was_used_for_something_else(device: Device) -> str:
    visit_id = await device.world.started()
    await device.says(f"/visits/{visit_id}/extensions", {"expected_end_at": await later(device, HOUR)}, "one", PIN)
    for _ in range(2):
        await device.says(f"/visits/{visit_id}/check-ins", key="one")
    return visit_id


SITUATIONS: Mapping[str, tuple[Situation, int]] = {
    **{
        situation.__name__: (situation, 1)
        for situation in (
            in_time,
            extended,
            ended,
            ended_as_unsafe,
            last_before_the_end,
            late,
            late_before_the_clock_has_looked,
            late_end,
            ended_before_alike,
            ended_before_otherwise,
            an_end_that_has_passed,
            an_unknown_visit,
            no_id,
            somebody_else_s_visit,
            sent_again,
            refused_and_sent_again,
            an_empty_answer_sent_again,
            sent_again_after_the_ordinary_pin,
            sent_again_with_the_ordinary_pin,
            under_a_key_that_was_used_for_something_else,
        )
    },
    **{state: (wrong_state(state), 1) for state in ("planned", "approved", "refused", "cancelled")},
    "a_body_that_is_not_understood": (a_body_that_is_not_understood, 2),
}
"""Everything that a device may meet, and how often duress is on record afterwards."""


@pytest.mark.requirement("DU-01")
async def test_the_device_is_answered_the_same_bytes_with_either_pin_and_duress_is_on_record(world: World) -> None:
    await with_pins(world)
    for name, (situation, times) in SITUATIONS.items():
        seen = []
        for pin, expected in ((PIN, 0), (DURESS, times)):
            device, before = Device(world, pin), len(await signalled(world))
            await device.looks(await situation(device))
            assert len(await signalled(world)) - before == expected, name
            seen.append(device.seen)
        ordinary, duress = seen
        assert duress == ordinary, name


async def test_the_device_is_answered_the_same_bytes_while_nobody_watches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_pins(world)
    known = Impairment(("made up",), "ring somebody")
    monkeypatch.setattr(Watch, "impairment", property(lambda _: known))
    monkeypatch.setattr(Watch, "require", lambda _: None)
    seen = []
    for pin in (PIN, DURESS):
        device = Device(world, pin)
        visit_id = await in_time(device)
        await ended_before_otherwise(device)
        await device.looks(visit_id)
        seen.append(device.seen)
    assert seen[0] == seen[1]
    assert all('"impaired":true' in text for _, _, text in seen[0][:2])
    assert len(await signalled(world)) == 2


async def test_where_the_log_cannot_be_reached_both_are_told_so_alike_and_sent_again_duress_is_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_pins(world)
    visits = [await world.started(), await world.started()]

    async def lost(*_: object) -> None:
        raise Unavailable

    devices = [Device(world, pin) for pin in (PIN, DURESS)]
    with monkeypatch.context() as patch:
        patch.setattr(Sequencer, "append", lost)
        for device, visit_id in zip(devices, visits, strict=True):
            await device.says(f"/visits/{visit_id}/check-ins", key="one")
    assert devices[0].seen == devices[1].seen
    assert devices[0].seen[0][0] == 503
    assert await signalled(world) == []
    for device, visit_id in zip(devices, visits, strict=True):
        await device.says(f"/visits/{visit_id}/check-ins", key="one")
    assert devices[0].seen == devices[1].seen
    assert len(await signalled(world)) == 1


async def test_a_command_that_was_taken_and_not_answered_has_its_duress_recorded_when_it_is_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_pins(world)
    visit_id, key = await in_state_with_pin(world, "ended"), {"Idempotency-Key": "one"}
    application = world.installation.apps["checkin"].state.application

    async def crash(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(type(application), "signal_apart", crash)
        path, body = f"/visits/{visit_id}/end", {"pin": DURESS}
        assert (await world.refused(ANNA, "POST", path, body, headers=key))[0] == 503
    assert await signalled(world) == []
    await world.done(ANNA, "POST", path, body, headers=key)
    assert len(await signalled(world)) == 1


async def test_duress_on_a_repeat_is_not_taken_for_recorded_because_there_was_duress_before(world: World) -> None:
    await with_pins(world)
    visit_id, key = await world.started(), {"Idempotency-Key": "one"}
    path = f"/visits/{visit_id}/check-ins"
    await world.done(ANNA, "POST", path, {"pin": DURESS})
    first = await world.done(ANNA, "POST", path, {"pin": PIN}, headers=key)
    assert len(await signalled(world)) == 1
    for _ in range(2):
        assert await world.done(ANNA, "POST", path, {"pin": DURESS}, headers=key) == first
    assert len(await signalled(world)) == 2


# ---------------------------------------------------------------------------------------------------------- what is on record


async def test_duress_stands_in_the_commit_of_the_command_before_it_and_says_what_it_came_with(world: World) -> None:
    await with_pins(world)
    visit_id = await world.started()
    answer = await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins", {"pin": DURESS})
    [*_, duress, checked_in] = await world.installation.history(visit_id=visit_id)
    assert isinstance(duress.event, VisitDuressSignalled)
    assert (duress.event.worker_id, duress.event.with_command) == (ANNA, "check_in")
    assert checked_in.envelope.type == "visit.check_in_recorded.v1"
    assert (duress.recorded_at, duress.position + 1) == (checked_in.recorded_at, checked_in.position)
    assert answer["position"] == checked_in.position
    assert duress.envelope.correlation_id == checked_in.envelope.correlation_id


async def test_duress_is_taken_in_every_state_of_a_visit_and_on_the_visit(world: World) -> None:
    await with_pins(world)
    for state in ["planned", "approved", "refused", "cancelled", "started", "ended", "missed"]:
        for path in ("check-ins", "extensions", "end"):
            visit_id = await in_state_with_pin(world, state)
            body = {"pin": DURESS} | ({"expected_end_at": "2099-01-01T00:00:00Z"} if path == "extensions" else {})
            await world.send(ANNA, "POST", f"/visits/{visit_id}/{path}", body)
            types = await world.installation.types(f"visit-{visit_id}")
            assert types.count(VisitDuressSignalled.type) == 1, (state, path)


async def test_duress_opens_or_joins_an_escalation_in_every_state_and_without_a_visit(world: World) -> None:
    await with_pins(world)
    async with world.installation.service("escalation"):
        for state in ["planned", "approved", "refused", "cancelled", "started", "ended", "missed"]:
            visit_id = await in_state_with_pin(world, state)
            await world.send(ANNA, "POST", f"/visits/{visit_id}/check-ins", {"pin": DURESS})
            assert "duress" in await triggers(world, f"escalation-{visit_id}"), state
        await world.send(ANNA, "POST", "/visits/nowhere/check-ins", {"pin": DURESS})
        assert "duress" in await triggers(world, f"escalation-{ANNA}")


async def triggers(world: World, stream_id: str) -> list[str]:
    """Return what opened and joined an escalation, once nothing is left to do."""
    await world.installation.quiet()
    history = await world.installation.history(stream_id)
    return [one.event.trigger for one in history if isinstance(one.event, EscalationOpened | EscalationJoined)]


async def test_duress_without_a_visit_of_theirs_is_the_worker_s_own(world: World) -> None:
    await with_pins(world)
    planned = await world.done(BEN, "POST", "/visits", await world.plan_body(worker_id=BEN))
    for visit_id in ("0123456789abcdef0123456789abcdef", "%00", "a" * 300, planned["visit_id"]):
        await world.send(ANNA, "POST", f"/visits/{visit_id}/end", {"pin": DURESS})
        *_, newest = await world.installation.history(f"worker-{ANNA}")
        assert isinstance(newest.event, WorkerDuressSignalled)
        assert (newest.event.worker_id, newest.event.with_command, newest.envelope.visit_id) == (
            ANNA,
            "end_visit",
            None,
        )
    assert len(await signalled(world)) == 4


async def test_duress_is_taken_from_whom_nobody_can_read(world: World) -> None:
    await with_pins(world)
    visit_id = await world.started()
    await spoilt(world, f"visit-{visit_id}", b"not a record", "visit.planned.v1")
    await spoilt(world, f"worker-{ANNA}", b"not a record", "worker.registered.v1")
    await world.send(ANNA, "POST", f"/visits/{visit_id}/check-ins", {"pin": DURESS})
    rows = await world.installation.admin.fetch(
        "SELECT record FROM log.event WHERE type = $1", WorkerDuressSignalled.type
    )
    assert [json.loads(row["record"])["data"]["site_id"] for row in rows] == [OPERATOR_SITE]


async def test_the_worker_s_own_view_counts_no_duress_and_others_read_what_is_there(world: World) -> None:
    await with_pins(world)
    visit_id = await world.started()
    await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins", {"pin": DURESS})
    own = await world.done(ANNA, "GET", f"/visits/{visit_id}")
    assert own["version"] == 4
    assert (await world.visit(visit_id))["version"] == 5
    assert "duress" not in json.dumps(own)


async def test_no_line_of_the_service_and_no_metric_says_duress(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    await with_pins(world)
    visit_id = await world.started()
    for path in ("check-ins", "end", "end", "check-ins"):
        await world.send(ANNA, "POST", f"/visits/{visit_id}/{path}", {"pin": DURESS})
    await world.send(ANNA, "POST", "/visits/nowhere/check-ins", {"pin": DURESS})
    assert len(await signalled(world)) == 5
    lines = capfd.readouterr()
    metrics = (await world.checkin.get("/metrics")).text
    for text in (lines.out, lines.err, metrics):
        assert "duress" not in text.lower()
        assert DURESS not in text


# ------------------------------------------------------------------------------------------------------- many at one time


async def test_the_same_duress_at_the_same_time_is_one(world: World) -> None:
    await with_pins(world)
    visit_id, key = await world.started(), {"Idempotency-Key": "one"}
    sent = [world.send(ANNA, "POST", f"/visits/{visit_id}/check-ins", {"pin": DURESS}, headers=key) for _ in range(6)]
    answers = await asyncio.gather(*sent)
    assert {answer.text for answer in answers} == {answers[0].text}
    assert len(await signalled(world)) == 1


async def test_duress_at_which_others_are_always_first_on_the_visit_is_the_worker_s_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_pins(world)
    visit_id = await world.started()
    others_are_first(monkeypatch, {CheckInRecorded.type, VisitDuressSignalled.type})
    path = f"/visits/{visit_id}/check-ins"
    seen = [masked(await world.send(ANNA, "POST", path, {"pin": pin})) for pin in (PIN, DURESS)]
    assert seen[0] == seen[1]
    assert seen[0][0] == 409
    assert [one.envelope.type for one in await signalled(world)] == [WorkerDuressSignalled.type]


async def test_help_at_which_others_are_always_first_on_the_visit_is_the_caller_s_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit_id = await world.started()
    others_are_first(monkeypatch, {VisitHelpRequested.type})
    await world.done(ANNA, "POST", f"/visits/{visit_id}/help")
    assert (await world.installation.types(f"worker-{ANNA}"))[-1] == WorkerHelpRequested.type


async def test_a_wrong_or_missing_pin_is_refused_alike_whatever_it_was_about_and_help_wants_none(world: World) -> None:
    await with_pins(world)
    visit_id = await world.started()
    for path in (f"/visits/{visit_id}/check-ins", f"/visits/{visit_id}/end", "/visits/nowhere/check-ins"):
        assert await world.refused(ANNA, "POST", path) == (409, "pin_needed")
        assert await world.refused(ANNA, "POST", path, {"pin": WRONG}) == (409, "wrong_pin")
    await world.done(ANNA, "POST", f"/visits/{visit_id}/help")
    await world.done(ANNA, "POST", f"/visits/{visit_id}/situations", {"situation": "unsafe"})
    assert await signalled(world) == []


async def test_a_session_that_has_expired_is_refused_and_its_duress_is_taken(world: World) -> None:
    await with_pins(world)
    visit_id = await world.started()
    seen = []
    for pin in (PIN, DURESS):
        path = f"/checkin/visits/{visit_id}/check-ins"
        headers = bearer("made-up") | {"Cookie": f"lonewatch_session={await expired_session(world)}"}
        seen.append(masked(await world.checkin.post(path, json={"pin": pin}, headers=headers)))
    assert seen[0] == seen[1]
    assert seen[0][0] == 401
    assert len(await signalled(world)) == 1


async def expired_session(world: World) -> str:
    keys = await asyncpg.connect(world.installation.database.keys_admin, ssl=False)
    try:
        await keys.execute(
            "INSERT INTO session (session_sha256, session_id, worker_id, expires_at)"
            " VALUES ($1, 's', $2, clock_timestamp() - interval '1 h') ON CONFLICT DO NOTHING",
            sha256(b"made-up session").digest(),
            ANNA,
        )
    finally:
        await keys.close()
    return "made-up session"


async def test_somebody_else_s_pin_says_nothing_of_anybody(world: World) -> None:
    await with_pins(world)
    visit_id = await world.started()
    answer = await world.send(CARA, "POST", f"/visits/{visit_id}/check-ins", {"pin": DURESS})
    assert answer.status_code == 403
    assert await signalled(world) == []
