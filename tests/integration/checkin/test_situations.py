"""What is the matter is taken on a visit in any state and without one; an end that was not safe tells somebody."""

from collections.abc import Collection

import pytest

from shared.contracts.situations import VisitSituationReported, WorkerSituationReported
from shared.contracts.visits import VisitEnded
from shared.runtime.log import Append, Outcome, Outside, WrongExpectedVersion
from shared.runtime.sequencer import Sequencer
from shared.runtime.web import Caller
from tests.integration.checkin.test_help import in_state, last_of
from tests.support.services import bearer
from tests.support.world import ANNA, BEN, CARA, World

SITUATIONS = ("break_in", "safeguarding", "unsafe", "unplanned")
REPORTED = VisitSituationReported.type


async def test_a_situation_is_taken_in_every_state_of_a_visit_and_changes_nothing_in_it(world: World) -> None:
    for state in ["planned", "approved", "refused", "cancelled", "started", "ended", "missed"]:
        visit_id = await in_state(world, state)
        before = await world.visit(visit_id)
        for situation in SITUATIONS:
            body = {"situation": situation, "note": "canary: the door stands open"}
            await world.done(ANNA, "POST", f"/visits/{visit_id}/situations", body)
        after = await world.visit(visit_id)
        assert after["situations"] == list(SITUATIONS)
        unchanged = {"version", "situations", "missed"}
        assert {key: after[key] for key in after.keys() - unchanged} == {
            key: before[key] for key in before.keys() - unchanged
        }


@pytest.mark.requirement("EM-06")
async def test_a_suspected_break_in_is_reported_before_anybody_goes_in(world: World) -> None:
    visit_id = await world.approved()
    body = {"situation": "break_in"}
    assert (await world.done(ANNA, "POST", f"/visits/{visit_id}/situations", body))["status"] == "approved"
    [*_, newest] = await world.installation.history(visit_id=visit_id)
    assert isinstance(newest.event, VisitSituationReported)
    assert (newest.event.situation, newest.event.worker_id, newest.event.note) == ("break_in", ANNA, None)


@pytest.mark.requirement("UN-01")
async def test_whoever_is_unexpectedly_alone_says_so_without_a_visit(world: World) -> None:
    body = {"situation": "unplanned", "note": "canary"}
    assert (await world.done(ANNA, "POST", f"/workers/{ANNA}/situations", body))["worker_id"] == ANNA
    [*_, newest] = await world.installation.history(f"worker-{ANNA}")
    assert isinstance(newest.event, WorkerSituationReported)
    assert (newest.event.situation, newest.envelope.visit_id) == ("unplanned", None)
    assert newest.event.note is not None


async def test_a_responder_reports_for_the_worker_and_what_is_not_theirs_is_the_reporter_s_own(world: World) -> None:
    visit_id, body = await world.started(), {"situation": "safeguarding", "note": "canary"}
    assert (await world.done(BEN, "POST", f"/visits/{visit_id}/situations", body))["visit_id"] == visit_id
    assert (await world.done(BEN, "POST", f"/workers/{ANNA}/situations", body))["worker_id"] == ANNA
    for path in (f"/visits/{visit_id}", f"/workers/{ANNA}", "/visits/nowhere", "/workers/nobody", "/visits/%00"):
        answer = await world.done(CARA, "POST", f"{path}/situations", body)
        assert answer.keys() == {"worker_id", "position", "recorded_at", "receipt"}, "nothing is told of the visit"
        assert (answer["worker_id"], await last_of(world, CARA)) == (CARA, (WorkerSituationReported.type, None))
    assert (await world.visit(visit_id))["situations"] == ["safeguarding"]


async def test_what_is_the_matter_must_be_said_and_nothing_else_that_is_wrong_keeps_it_out(world: World) -> None:
    visit_id = await world.started()
    path = f"/visits/{visit_id}/situations"
    bodies: tuple[object, ...] = (None, {}, {"situation": "bored"}, {"situation": ["unsafe"]}, [], {"note": "canary"})
    for body in bodies:
        assert await world.refused(ANNA, "POST", path, body) == (422, "invalid")
    wrong = {"situation": "unsafe", "note": "x" * 100_000, "occurred_at": "yesterday", "battery": 3}
    await world.done(ANNA, "POST", path, wrong, headers={"Idempotency-Key": "used"})
    await world.done(ANNA, "POST", path, {"situation": "break_in"}, headers={"Idempotency-Key": "used"})
    assert (await world.visit(visit_id))["situations"] == ["unsafe", "break_in"]


async def test_the_same_report_sent_again_is_one(world: World) -> None:
    visit_id, key = await world.started(), {"Idempotency-Key": "one"}
    path, body = f"/visits/{visit_id}/situations", {"situation": "unsafe"}
    answers = [await world.done(ANNA, "POST", path, body, headers=key) for _ in range(2)]
    assert answers[0] == answers[1]
    assert (await world.visit(visit_id))["situations"] == ["unsafe"]


async def test_nobody_is_told_whom_to_ring_where_they_are_not_known(world: World) -> None:
    answer = await world.checkin.post(
        f"/checkin/workers/{ANNA}/situations", json={"situation": "unsafe"}, headers=bearer("made-up")
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "no_identity")
    assert answer.json()["ring"]


@pytest.mark.requirement("DU-03")
@pytest.mark.requirement("DU-06")
async def test_whoever_leaves_because_it_is_not_safe_has_it_reported_with_the_end(world: World) -> None:
    visit_id = await world.started()
    answer = await world.done(ANNA, "POST", f"/visits/{visit_id}/end", {"reason": "unsafe"})
    assert (answer["status"], answer["due_at"]) == ("ended", None)
    ended, reported = (await world.installation.history(visit_id=visit_id))[-2:]
    assert [ended.envelope.type, reported.envelope.type] == ["visit.ended.v1", REPORTED]
    assert ended.recorded_at == reported.recorded_at
    await world.done(ANNA, "POST", f"/visits/{visit_id}/end", {"reason": "unsafe"})
    assert (await world.visit(visit_id))["situations"] == ["unsafe"]


async def test_an_unsafe_end_that_is_refused_is_reported_all_the_same_and_once(world: World) -> None:
    key, body = {"Idempotency-Key": "one"}, {"reason": "unsafe"}
    approved, ended = await world.approved(), await in_state(world, "ended")
    for visit_id, code in ((approved, "not_started"), (ended, "visit_ended")):
        for _ in range(2):
            path = f"/visits/{visit_id}/end"
            headers = {"Idempotency-Key": f"{key['Idempotency-Key']}-{code}"}
            assert await world.refused(ANNA, "POST", path, body, headers=headers) == (409, code)
        assert (await world.visit(visit_id))["situations"] == ["unsafe"]
    assert (await world.refused(ANNA, "POST", "/visits/nowhere/end", body))[0] == 404
    assert await last_of(world, ANNA) == (WorkerSituationReported.type, None)
    assert (await world.refused(ANNA, "POST", "/visits/nowhere/end", {"reason": "unwell"}))[0] == 404
    assert (await world.installation.types(f"worker-{ANNA}")).count(WorkerSituationReported.type) == 1


def others_are_first(monkeypatch: pytest.MonkeyPatch, types: Collection[str]) -> None:
    """Let somebody else be first whenever an event of one of these types is to be recorded."""
    append = Sequencer.append

    async def others_first(self: Sequencer, wanted: Append) -> Outcome:
        for write in wanted.writes:
            if set(types) & {event.type for event in write.events}:
                raise WrongExpectedVersion(write.stream_id)
        return await append(self, wanted)

    monkeypatch.setattr(Sequencer, "append", others_first)


async def test_an_unsafe_end_at_which_others_are_always_first_is_reported_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/visits/{await world.started()}/end"
    for late, reported in (
        ({VisitEnded.type}, REPORTED),
        ({VisitEnded.type, REPORTED}, WorkerSituationReported.type),
    ):
        others_are_first(monkeypatch, late)
        assert await world.refused(ANNA, "POST", path, {"reason": "unsafe"}) == (409, "busy")
        assert [one.envelope.type for one in await world.installation.history()][-1] == reported


async def test_an_unsafe_end_that_fails_here_is_reported_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit_id = await world.started()
    application = world.installation.apps["checkin"].state.application

    async def fails(*_: object, **__: object) -> None:
        raise LookupError("made up")

    with monkeypatch.context() as patch:
        patch.setattr(type(application), "_on_watched", fails)
        with pytest.raises(LookupError):
            await application.end_visit(await caller_as(world, ANNA), visit_id, "unsafe", None)
    assert (await world.visit(visit_id))["situations"] == ["unsafe"]


async def caller_as(world: World, who: str) -> Caller:
    """Return who asks, as the interface would have it."""
    identity = await world.installation.running["checkin"].authority.identify(world.tokens[who])
    return Caller(identity, Outside(f"http:{who}", "one", b"digest"), "one")


@pytest.mark.requirement("DU-05")
async def test_a_plan_says_what_the_worker_carries(world: World) -> None:
    visit_id = await world.planned(equipment=["personal_alarm", "torch"])
    assert (await world.visit(visit_id))["equipment"] == ["personal_alarm", "torch"]
    body = await world.plan_body(equipment=["Personal alarm of the canary"])
    assert await world.refused(ANNA, "POST", "/visits", body) == (422, "invalid")
    assert (await world.refused(ANNA, "POST", "/visits", await world.plan_body(equipment=["torch"] * 21)))[0] == 422
