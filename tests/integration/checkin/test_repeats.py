"""The same request again: the first answer, and nothing twice in the log."""

import asyncio

from tests.support.world import ANNA, BEN, SITE, World

KEY = {"Idempotency-Key": "device-1-42"}


async def test_a_repeat_gets_the_first_answer_and_leaves_one_event(world: World) -> None:
    body = await world.plan_body()
    first = await world.done(ANNA, "POST", "/visits", body, headers=KEY)
    again = await world.done(ANNA, "POST", "/visits", dict(reversed(body.items())), headers=KEY)
    assert again == first
    assert (await world.installation.types()).count("visit.planned.v1") == 1


async def test_repeats_at_the_same_time_are_one_check_in(world: World) -> None:
    visit_id = await world.started()
    answers = await asyncio.gather(
        *(world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins", {}, headers=KEY) for _ in range(8))
    )
    assert answers == [answers[0]] * 8
    assert (await world.installation.types(visit_id=visit_id)).count("visit.check_in_recorded.v1") == 1


async def test_the_same_key_with_other_content_is_refused(world: World) -> None:
    visit_id = await world.started()
    await world.done(ANNA, "POST", f"/visits/{visit_id}/end", {"reason": "completed"}, headers=KEY)
    for path, body in (("end", {"reason": "unwell"}), ("check-ins", {})):
        other = world.refused(ANNA, "POST", f"/visits/{visit_id}/{path}", body, headers=KEY)
        assert await other == (409, "other_content")


async def test_the_same_key_of_somebody_else_is_another_request(world: World) -> None:
    first = await world.done(ANNA, "POST", "/visits", await world.plan_body(), headers=KEY)
    second = await world.done(BEN, "POST", "/visits", await world.plan_body(), headers=KEY)
    assert first["visit_id"] != second["visit_id"]


async def test_a_repeat_of_what_was_answered_with_nothing_to_do_is_answered_the_same(world: World) -> None:
    grant = {"worker_id": BEN, "role": "supervisor"}
    first = await world.done(None, "POST", f"/sites/{SITE}/grants", grant, headers=KEY)
    assert first["position"] is None
    assert await world.done(None, "POST", f"/sites/{SITE}/grants", grant, headers=KEY) == first
