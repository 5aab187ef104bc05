"""What the worker reads of their own visit: nothing of what others do because of them, which may be an answer to duress."""

from typing import Any

from tests.support.world import ANNA, BEN, World


async def own(world: World, visit_id: str) -> dict[str, Any]:
    await world.installation.quiet()
    return await world.done(ANNA, "GET", f"/visits/{visit_id}")


async def others_signal(world: World, visit_id: str) -> None:
    for who in (None, BEN):
        await world.done(who, "POST", f"/visits/{visit_id}/help")
        await world.done(who, "POST", f"/visits/{visit_id}/situations", {"situation": "break_in"})


async def test_what_others_signal_is_not_in_the_worker_s_own_view_and_others_read_it(world: World) -> None:
    visit_id = await world.started()
    before = await own(world, visit_id)
    await others_signal(world, visit_id)
    assert await own(world, visit_id) == before
    read = await world.visit(visit_id)
    assert (read["calls_for_help"], read["situations"]) == (2, ["break_in", "break_in"])
    assert read["version"] == before["version"] + 4


async def test_what_the_worker_signals_is_in_their_own_view(world: World) -> None:
    visit_id = await world.started()
    version = (await own(world, visit_id))["version"]
    await others_signal(world, visit_id)
    await world.done(ANNA, "POST", f"/visits/{visit_id}/help")
    await world.done(ANNA, "POST", f"/visits/{visit_id}/end", {"reason": "unsafe"})
    read = await own(world, visit_id)
    assert (read["calls_for_help"], read["situations"]) == (1, ["unsafe"])
    assert read["version"] == version + 3, "the call, the end, and that it was not safe"


async def test_neither_a_command_s_answer_nor_a_list_changes_with_what_others_signal(world: World) -> None:
    seen = []
    for signalled in (False, True):
        visit_id = await world.started()
        if signalled:
            await others_signal(world, visit_id)
        answer = await world.done(ANNA, "POST", f"/visits/{visit_id}/check-ins")
        await world.installation.quiet()
        listed = await world.done(BEN, "GET", "/visits", params={"site_id": "site1"})
        [row] = [one for one in listed["visits"] if one["visit_id"] == visit_id]
        seen.append((sorted(answer), answer["status"], answer["missed"], sorted(row), row["status"], row["missed"]))
    assert seen[0] == seen[1]
