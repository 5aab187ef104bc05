"""A call for help is taken: in every state of a visit, without one, and whatever is wrong with the request."""

import json

import pytest

from shared.contracts.base import OPERATOR_SITE, Sealed
from shared.contracts.envelope import decode
from shared.contracts.visits import VisitHelpRequested, WorkerHelpRequested
from shared.runtime.sealing import Keyring
from tests.support.services import bearer
from tests.support.world import ANNA, BEN, CARA, GRACE, INTERVAL, World


async def in_state(world: World, state: str) -> str:
    """Return a visit of Anna's in a state."""
    if state in {"started", "ended", "missed"}:
        visit_id = await world.started()
        if state == "ended":
            await world.done(ANNA, "POST", f"/visits/{visit_id}/end")
        if state == "missed":
            await world.installation.clock.forward(INTERVAL + 2 * GRACE)
            await world.installation.quiet()
        return visit_id
    visit_id = await (world.approved() if state == "approved" else world.planned())
    if state == "refused":
        await world.done(BEN, "POST", f"/visits/{visit_id}/refusal", {"reason": "not_alone"})
    if state == "cancelled":
        await world.done(ANNA, "POST", f"/visits/{visit_id}/cancellation", {"reason": "child_ill"})
    return visit_id


async def test_help_is_taken_in_every_state_of_a_visit(world: World) -> None:
    for state in ["planned", "approved", "refused", "cancelled", "started", "ended", "missed"]:
        await takes_help(world, await in_state(world, state))


async def takes_help(world: World, visit_id: str) -> None:
    before = (await world.visit(visit_id))["status"]
    await world.done(ANNA, "POST", f"/visits/{visit_id}/help", {"note": "canary: he has a knife"})
    visit = await world.visit(visit_id)
    assert (visit["status"], visit["calls_for_help"]) == (before, 1)
    assert (await world.installation.types(visit_id=visit_id))[-1] == "visit.help_requested.v1"


@pytest.mark.requirement("DU-04")
async def test_help_without_a_visit_is_taken_on_the_worker_s_own_stream(world: World) -> None:
    assert (await world.done(ANNA, "POST", f"/workers/{ANNA}/help"))["worker_id"] == ANNA
    assert (await world.installation.types(f"worker-{ANNA}"))[-1] == "worker.help_requested.v1"


async def test_help_on_a_visit_that_nobody_knows_is_the_caller_s_own(world: World) -> None:
    for visit_id in ["0123456789abcdef0123456789abcdef", "%20not%20an%20id%20", "%00", "a" * 300, "%ff"]:
        await world.done(ANNA, "POST", f"/visits/{visit_id}/help", {"note": "canary"})
        [*_, recorded] = await world.installation.history(f"worker-{ANNA}")
        assert recorded.envelope.type == "worker.help_requested.v1"
        assert recorded.envelope.visit_id is None


MALFORMED = (
    b"",
    b"{not json",
    b"[1]",
    b'{"note": 7, "occurred_at": "yesterday", "battery": 3}',
    b'{"note": "\\ud800"}',
    b'{"note": ' + b"[" * 600 + b"]" * 600 + b"}",
    b"[" * 100_000,
    b'{"note": "' + b"x" * 3_000_000 + b'"}',
)


async def test_a_malformed_call_for_help_is_taken_all_the_same(world: World) -> None:
    for content in MALFORMED:
        visit_id = await world.started()
        path = f"/checkin/visits/{visit_id}/help"
        response = await world.checkin.post(path, content=content, headers=bearer(world.tokens[ANNA]))
        assert response.status_code == 200
        assert (await world.visit(visit_id))["calls_for_help"] == 1


async def test_a_note_that_is_too_long_is_cut_and_the_call_is_taken(world: World) -> None:
    visit_id = await world.started()
    await world.done(ANNA, "POST", f"/visits/{visit_id}/help", {"note": "x" * 100_000})
    assert (await world.visit(visit_id))["calls_for_help"] == 1


async def last_of(world: World, worker_id: str) -> tuple[str, str | None]:
    [*_, recorded] = await world.installation.history(f"worker-{worker_id}")
    return recorded.envelope.type, recorded.envelope.visit_id


async def test_somebody_of_the_site_may_ask_for_help_for_the_worker(world: World) -> None:
    visit_id = await world.started()
    assert (await world.done(BEN, "POST", f"/visits/{visit_id}/help"))["visit_id"] == visit_id
    assert (await world.done(BEN, "POST", f"/workers/{ANNA}/help"))["worker_id"] == ANNA


async def test_a_call_about_what_is_not_theirs_is_the_caller_s_own(world: World) -> None:
    visit_id = await world.started()
    for path in (f"/visits/{visit_id}/help", f"/workers/{ANNA}/help", "/workers/nobody/help", "/workers/%00/help"):
        answer = await world.done(CARA, "POST", path, {"note": "canary"})
        assert answer.keys() == {"worker_id", "position", "recorded_at", "receipt"}, "nothing is told of the visit"
        assert answer["worker_id"] == CARA
        assert await last_of(world, CARA) == ("worker.help_requested.v1", None)
    assert (await world.visit(visit_id))["calls_for_help"] == 0
    assert (await world.installation.types(f"worker-{ANNA}")).count("worker.help_requested.v1") == 0


async def test_a_call_is_taken_without_its_note_where_the_note_cannot_be_sealed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(_keyring: Keyring, _subject_id: str, _text: str) -> Sealed:
        raise ConnectionRefusedError

    visit_id = await world.started()
    monkeypatch.setattr(Keyring, "seal", failing)
    await world.done(ANNA, "POST", f"/visits/{visit_id}/help", {"note": "canary"})
    await world.done(ANNA, "POST", f"/workers/{ANNA}/help", {"note": "canary"})
    for stream_id in (f"visit-{visit_id}", f"worker-{ANNA}"):
        [*_, recorded] = await world.installation.history(stream_id)
        assert isinstance(recorded.event, VisitHelpRequested | WorkerHelpRequested)
        assert recorded.event.note is None


async def test_a_key_that_was_used_for_something_else_keeps_no_call_for_help_out(world: World) -> None:
    visit_id, key = await world.started(), {"Idempotency-Key": "used"}
    await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins", {}, headers=key)
    path = f"/visits/{visit_id}/help"
    first = await world.done(ANNA, "POST", path, {"note": "one"}, headers=key)
    assert await world.done(ANNA, "POST", path, {"note": "one"}, headers=key) == first
    assert await world.done(ANNA, "POST", path, {"note": "two"}, headers=key) != first
    assert (await world.visit(visit_id))["calls_for_help"] == 2
    await world.done(ANNA, "POST", "/visits/nowhere/help", {"note": "one"}, headers=key)
    assert await last_of(world, ANNA) == ("worker.help_requested.v1", None)


async def test_two_calls_for_help_are_two_unless_they_are_one_request(world: World) -> None:
    visit_id = await world.started()
    for key in ("a", "a", "b"):
        await world.done(ANNA, "POST", f"/visits/{visit_id}/help", {}, headers={"Idempotency-Key": key})
    assert (await world.visit(visit_id))["calls_for_help"] == 2


async def spoilt(world: World, stream_id: str, record: bytes, type_: str) -> None:
    """Let the records of a type in a stream be what nobody can read; nobody but a superuser could."""
    admin = world.installation.admin
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        spoil = "UPDATE log.event SET record = $2 WHERE stream_id = $1 AND type = $3"
        assert await admin.execute(spoil, stream_id, record, type_) == "UPDATE 1"


async def newest_of(world: World, stream_id: str) -> bytes:
    """Return a stream's newest record as it stands."""
    newest = "SELECT record FROM log.event WHERE stream_id = $1 ORDER BY version DESC LIMIT 1"
    record: bytes = await world.installation.admin.fetchval(newest, stream_id)
    return record


async def test_a_call_is_taken_from_a_caller_whose_registration_nobody_can_read(world: World) -> None:
    await spoilt(world, f"worker-{ANNA}", b"not a record", "worker.registered.v1")
    assert (await world.done(ANNA, "POST", f"/workers/{ANNA}/help", {"note": "canary"}))["worker_id"] == ANNA
    newest = decode(await newest_of(world, f"worker-{ANNA}")).event
    assert isinstance(newest, WorkerHelpRequested)
    assert (newest.worker_id, newest.site_id) == (ANNA, OPERATOR_SITE)


async def test_a_call_on_a_visit_whose_plan_nobody_can_read_is_the_caller_s_own(world: World) -> None:
    visit_id = await world.started()
    await spoilt(world, f"visit-{visit_id}", b"not a record", "visit.planned.v1")
    assert (await world.done(ANNA, "POST", f"/visits/{visit_id}/help"))["worker_id"] == ANNA
    assert await last_of(world, ANNA) == ("worker.help_requested.v1", None)


async def test_what_only_a_later_release_can_read_leaves_the_caller_to_one_and_says_whom_to_ring(world: World) -> None:
    later = {"type": "worker.registered.v9", "release": "99.0.0"}
    record = json.loads(await newest_of(world, f"worker-{ANNA}"))
    await spoilt(world, f"worker-{ANNA}", json.dumps(record | later).encode(), "worker.registered.v1")
    answer = await world.send(ANNA, "POST", f"/workers/{ANNA}/help")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["ring"]
