"""The page behind a personal link: what it shows, what its buttons do, and what it must never do."""

import asyncio
import re
from hashlib import sha256

import asyncpg
import pytest

from deploy.database import KEYS_DATABASE
from services.escalation.application import REFUSALS
from shared.contracts.escalations import EscalationAcknowledged, EscalationResolved, EscalationStoodDown
from shared.contracts.visits import VisitContact
from tests.integration.escalation.conftest import STREAM, World, asked
from tests.support.history import (
    FIRST_WAIT,
    LIZ,
    NAMES,
    SAM,
    SUE,
    WALT,
    help_at_visit,
    make_site,
    missed_visit,
    withdraw,
)
from tests.support.services import Installation

SAFE = {"how": "spoke_with_worker", "confirmed": "yes"}


@pytest.fixture
async def missed(world: World) -> World:
    """Walt has missed his check-in, and his supervisors have been told."""
    await missed_visit(world.installation)
    await world.installation.quiet()
    return world


def pressed_once(page: str) -> str:
    """Return the hidden id that a page carries for its buttons."""
    found = re.findall(r'name="press" value="([0-9a-f]{32})"', page)
    assert len(set(found)) == 1
    return str(found[0])


async def test_the_page_says_what_happened_to_whom_and_that_nobody_has_taken_it(missed: World) -> None:
    shown = await missed.client.get(await missed.page(SUE))
    assert shown.status_code == 200
    assert "Check-in missed: Walt Alone" in shown.text
    assert "Nobody has taken it yet" in shown.text
    assert "Step 1: Ring the worker" in shown.text
    assert "Sam Super" in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert "script" not in shown.text
    assert "http://" not in shown.text


async def test_a_link_that_is_fetched_beforehand_changes_nothing(missed: World) -> None:
    before = await missed.installation.history()
    for _ in range(2):
        await missed.client.get(await missed.page(SUE))
        await missed.client.head(await missed.page(SUE))
    assert await missed.installation.history() == before


async def test_the_button_acknowledges_as_the_person_whom_the_link_belongs_to_and_shows_the_page(missed: World) -> None:
    address = await missed.page(SUE)
    press = pressed_once((await missed.client.get(address)).text)
    for _ in range(2):
        answered = await missed.press(SUE, "acknowledge", press=press)
        assert (answered.status_code, answered.headers["location"]) == (303, address)
    assert await missed.types() == ["opened", "step_started", "acknowledged"]
    taken = (await missed.installation.history(STREAM))[-1]
    assert taken.envelope.actor == SUE
    assert "You have taken it" in (await missed.client.get(address)).text
    assert "Sue Super has taken it" in (await missed.client.get(await missed.page(SAM))).text


async def test_of_two_who_press_at_once_one_takes_it_and_the_other_is_told_who(missed: World) -> None:
    answers = dict(
        zip((SUE, SAM), await asyncio.gather(*(missed.press(who, "acknowledge") for who in (SUE, SAM))), strict=True)
    )
    (winner,) = [who for who, answered in answers.items() if answered.status_code == 303]
    (second,) = [who for who in answers if who != winner]
    assert answers[second].status_code == 409
    assert f"{NAMES[winner]} has taken it" in answers[second].text
    assert await missed.types() == ["opened", "step_started", "acknowledged"]


async def test_resolving_asks_how_and_for_a_confirmation_then_ends_it_and_gives_the_all_clear(missed: World) -> None:
    for chosen in ({}, {"how": "met_in_person"}, {"confirmed": "yes"}):
        refused = await missed.press(SUE, "resolve", **chosen)
        assert (refused.status_code, "Nothing has been sent" in refused.text) == (422, True)
    assert (await missed.press(SUE, "resolve", **SAFE)).status_code == 303
    last = (await missed.installation.history(STREAM))[-1]
    assert isinstance(last.event, EscalationResolved)
    assert (last.event.by, last.event.confirmed_by, last.event.how) == (SUE, SUE, "spoke_with_worker")
    assert {ask.worker_id for ask in asked(last)} == {SUE, SAM}
    page = await missed.client.get(await missed.page(SAM))
    assert "Walt Alone is safe, Sue Super says" in page.text
    assert "<button" not in page.text
    late = await missed.press(SAM, "acknowledge")
    assert (late.status_code, "is safe" in late.text) == (409, True)
    await missed.installation.clock.forward(FIRST_WAIT)
    await missed.installation.quiet()
    assert (await missed.types())[-1] == "resolved"


async def test_standing_down_needs_a_reason(missed: World) -> None:
    assert (await missed.press(SUE, "stand_down")).status_code == 422
    assert (await missed.press(SUE, "stand_down", reason="forgot_to_check_in")).status_code == 303
    last = (await missed.installation.history(STREAM))[-1].event
    assert isinstance(last, EscalationStoodDown)
    assert last.reason == "forgot_to_check_in"
    assert "The worker forgot to check in" in (await missed.client.get(await missed.page(SUE))).text


async def test_the_same_button_with_another_choice_leaves_the_first_choice_as_it_is(missed: World) -> None:
    press = pressed_once((await missed.client.get(await missed.page(SUE))).text)
    for how in ("spoke_with_worker", "met_in_person"):
        assert (await missed.press(SUE, "resolve", how=how, confirmed="yes", press=press)).status_code == 303
    assert await missed.types() == ["opened", "step_started", "resolved"]


async def test_an_old_link_does_not_touch_the_next_episode(missed: World) -> None:
    await missed.press(SUE, "resolve", **SAFE)
    await help_at_visit(missed.installation)
    await missed.installation.quiet()
    old = await missed.press(SUE, "acknowledge")
    assert (old.status_code, "is safe" in old.text) == (409, True)
    new = await missed.client.get(await missed.page(LIZ, "visit1.2"))
    assert "Nobody has taken it yet" in new.text


async def test_after_something_graver_came_anybody_may_take_it_though_somebody_has_it(missed: World) -> None:
    await missed.press(SUE, "acknowledge")
    assert "I have taken it</button>" not in (await missed.client.get(await missed.page(SAM))).text
    await help_at_visit(missed.installation)
    await missed.installation.quiet()
    page = (await missed.client.get(await missed.page(SAM))).text
    assert "Not all of it is taken" in page
    assert "I have taken it</button>" in page
    assert (await missed.press(SAM, "acknowledge")).status_code == 303
    assert "Sam Super has taken it" in (await missed.client.get(await missed.page(SUE))).text


async def test_what_joined_after_the_page_was_opened_is_neither_ended_nor_taken_by_it(missed: World) -> None:
    old = hidden((await missed.client.get(await missed.page(SUE))).text)
    await help_at_visit(missed.installation)
    await missed.installation.quiet()
    for action, chosen in (("stand_down", {"reason": "pressed_by_mistake"}), ("resolve", SAFE)):
        refused = await missed.press(SUE, action, **chosen, **old)
        assert (refused.status_code, REFUSALS["changed_since"] in refused.text) == (409, True)
        assert "Help asked for" in refused.text
    assert (await missed.press(SUE, "acknowledge", **old)).status_code == 303
    taken = (await missed.installation.history(STREAM))[-1].event
    assert isinstance(taken, EscalationAcknowledged)
    assert (taken.ladders, taken.running) == ((1,), (2,))
    anew = (await missed.client.get(await missed.page(SUE))).text
    assert "Not all of it is taken" in anew
    assert "I have taken it</button>" in anew
    assert (await missed.press(SUE, "resolve", **SAFE, **hidden(anew))).status_code == 303
    assert (await missed.types())[-1] == "resolved"


def hidden(page: str, *besides: str) -> dict[str, str]:
    """Return what every form of a page sends along, beside the fields that only some of them have."""
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    found = {(name, value) for name, value in fields if name not in {*besides, "action"}}
    assert {name for name, _ in found} == {"press", "triggers_seen"}
    assert len(found) == 2
    return dict(found)


async def test_the_page_says_where_the_worker_is_and_who_can_be_rung_there_while_it_is_open(
    installation: Installation,
) -> None:
    await make_site(installation)
    async with installation.service("escalation", token="nobody") as client:
        world = World(installation, client)
        keyring = installation.running["escalation"].keyring
        name, phone = await keyring.seal("contact1", "Hana Home"), await keyring.seal("contact1", "+420 555 001")
        contact = VisitContact(contact_id="contact1", relation="home_visited", name=name, phone=phone)
        await missed_visit(installation, place=await keyring.seal(WALT, "5 Mill <Lane>"), contacts=(contact,))
        await installation.quiet()
        page = (await client.get(await world.page(SUE))).text
        assert [text for text in ("5 Mill &lt;Lane&gt;", "Hana Home", "+420 555 001") if text not in page] == []
    await erase(installation, "contact1")
    async with installation.service("escalation", token="nobody") as client:
        world = World(installation, client)
        page = (await client.get(await world.page(SUE))).text
        assert ("5 Mill" in page, "Hana Home" in page, "(erased), home visited" in page) == (True, False, True)
        await withdraw(installation, SUE)
        refused = await client.get(await world.page(SUE))
        assert (refused.status_code, "5 Mill" in refused.text) == (403, False)
        assert (await world.press(SAM, "resolve", **SAFE)).status_code == 303
        assert "5 Mill" not in (await client.get(await world.page(SAM))).text


async def test_somebody_whose_role_was_withdrawn_may_neither_see_nor_act(missed: World) -> None:
    await withdraw(missed.installation, SUE)
    for answered in (await missed.client.get(await missed.page(SUE)), await missed.press(SUE, "acknowledge")):
        assert answered.status_code == 403
        assert "Walt" not in answered.text
        assert "ring somebody" in answered.text
    assert await missed.types() == ["opened", "step_started"]


async def test_a_code_that_nobody_was_given_leads_to_a_page_that_says_what_to_do(missed: World) -> None:
    address = await missed.page(LIZ)  # not told yet
    answers = [await missed.client.get(address), await missed.client.post(address, data={"action": "acknowledge"})]
    answers.append(await missed.client.get("/escalation/e/0000000000000000"))
    assert [answered.status_code for answered in answers] == [404, 404, 404]
    assert all("ring the worker" in answered.text for answered in answers)
    start = await missed.client.get("/escalation/")
    assert (start.status_code, "Escalations" in start.text) == (200, True)


async def test_a_code_is_read_as_people_copy_it_and_stored_only_as_its_hash(missed: World) -> None:
    address = await missed.page(SUE)
    folder, _, code = address.rpartition("/")
    copied = code.upper().replace("0", "O").replace("1", "I")
    assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{16}", code)
    assert (await missed.client.get(f"{folder}/{copied}")).status_code == 200
    stored = await missed.installation.admin.fetch("SELECT * FROM escalation.link WHERE worker_id = $1", SUE)
    assert [row["code_sha256"] for row in stored] == [sha256(code.encode()).digest()]


async def test_without_the_keys_people_can_still_act_and_without_the_log_the_page_says_so(missed: World) -> None:
    await missed.press(SAM, "acknowledge")
    address = await missed.page(SUE)
    await cut_off_keys(missed.installation)
    shown = await missed.client.get(address)
    assert (shown.status_code, "sam has taken it" in shown.text) == (200, True)
    assert (await missed.press(SUE, "resolve", **SAFE)).status_code == 303
    await missed.installation.running["escalation"].pool.close()
    for answered in (await missed.client.get(address), await missed.press(SUE, "resolve", **SAFE)):
        assert answered.status_code == 503
        assert "pressing twice does no harm" in answered.text


async def cut_off_keys(installation: Installation) -> None:
    """Let the server refuse every service the keys database, whoever is connected to it now included."""
    name = KEYS_DATABASE + installation.database.suffix
    await installation.admin.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    await installation.admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name
    )


async def test_a_name_is_text_and_an_erased_one_says_so(installation: Installation) -> None:
    await make_site(installation, {**NAMES, WALT: "<script>alert('&')</script>"})
    async with installation.service("escalation", token="nobody") as client:
        world = World(installation, client)
        await missed_visit(installation)
        await installation.quiet()
        page = await client.get(await world.page(SUE))
        assert "&lt;script&gt;" in page.text
        assert "<script" not in page.text
    await erase(installation, WALT)
    async with installation.service("escalation", token="nobody") as client:
        page = await client.get(await World(installation, client).page(SUE))
        assert "Check-in missed: (erased)" in page.text


async def erase(installation: Installation, worker_id: str) -> None:
    """Destroy the key of a person, as an erasure does."""
    connection = await asyncpg.connect(installation.database.keys_admin, ssl=False)
    try:
        await connection.execute("DELETE FROM key WHERE subject_id = $1", worker_id)
    finally:
        await connection.close()
