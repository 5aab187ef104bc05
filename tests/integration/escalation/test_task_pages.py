"""Tasks on the page behind a link: what is shown to whom, what the buttons do, and that nothing typed is lost."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.escalation.application import REFUSALS
from services.escalation.application.briefing import NO_CODE_WORDS, NO_CONTACTS, NO_NUMBER, NO_NUMBER_NOW
from services.escalation.application.reading_out import NO_PLACE
from services.escalation.pages.desk import dial
from shared.contracts.persons import CodeWordsSet, PhonesSet
from shared.contracts.situations import WorkerDuressSignalled
from shared.contracts.tasks import TaskDone
from shared.contracts.visits import WorkerHelpRequested
from shared.runtime.log import Loaded, load
from tests.integration.escalation.conftest import STREAM, World
from tests.integration.escalation.tasked import (
    ALL_WELL,
    CHALLENGE,
    CONTACT,
    DURESS_WORD,
    HOME,
    MOBILE,
    ONE,
    about_walt,
    act,
    adopt,
    step_starts,
    task_of,
    tasked,
)
from tests.integration.escalation.test_pages import cut_off_keys, erase, hidden, pressed_once
from tests.support.history import LIZ, MINUTE, SAM, SITE, SUE, WALT, help_at_visit, missed_visit, withdraw

__all__ = ["tasked"]

SECRETS = (MOBILE, CHALLENGE, ALL_WELL, DURESS_WORD)


async def page(world: World, who: str) -> str:
    """Return somebody's page."""
    shown = await world.client.get(await world.page(who))
    assert shown.status_code == 200
    return str(shown.text)


async def done(world: World) -> TaskDone:
    """Return the newest outcome of the visit's escalation."""
    events = [recorded.event for recorded in await world.installation.history(STREAM)]
    return [event for event in events if isinstance(event, TaskDone)][-1]


async def test_a_task_that_somebody_is_offered_stands_first_with_its_reason_and_one_button(tasked: World) -> None:
    shown = await page(tasked, SUE)
    assert shown.index("To do: Ring their mobile") < shown.index("Nobody has taken all of it yet")
    assert "Why: N 5: Somebody rings" in shown
    assert 'value="take_task">I do this</button>' in shown
    assert [secret for secret in SECRETS if secret in shown] == []
    assert "Outcome" not in shown
    assert "script" not in shown


async def test_once_taken_the_page_of_the_holder_and_no_other_has_number_code_words_script_and_outcomes(
    tasked: World,
) -> None:
    pressed = await tasked.press(SUE, "take_task", task="1-1")
    assert pressed.status_code == 303
    shown = await page(tasked, SUE)
    assert 'href="tel:+420555010"' in shown
    assert [secret for secret in SECRETS if secret not in shown] == []
    assert "Ask whether all is well." in shown
    assert re.findall(r'name="answer\.visit_over" value="(\w+)"', shown) == ["yes", "no", "unclear"]
    assert re.findall(r'name="outcome" value="(\w+)"', shown) == ["safe", "no_answer", "code_word"]
    assert (CONTACT in shown, HOME in shown) == (False, False)
    for who in (SAM, LIZ):
        other = await tasked.client.get(await tasked.page(who))
        assert [secret for secret in SECRETS if secret in other.text] == []
    assert "Sue Super does it" in await page(tasked, SAM)
    assert "to_ring" not in await task_of(tasked, SAM)
    own = await task_of(tasked, SUE)
    assert [(one["who"], one["name"], one["phone"]) for one in own["to_ring"]] == [
        ("worker_mobile", "Walt Alone", MOBILE)
    ]
    assert own["code_words"] == {
        "challenge": CHALLENGE,
        "all_well": ALL_WELL,
        "duress": DURESS_WORD,
        "instead": None,
    }
    assert own["read_out"] is None


async def test_an_outcome_is_recorded_once_with_its_answers_however_often_it_is_pressed(tasked: World) -> None:
    await tasked.press(SUE, "take_task", task="1-1")
    press = pressed_once(await page(tasked, SUE))
    for _ in range(2):
        chosen = {"answer.visit_over": "no", "note": "Rang twice", "press": press, "task": "1-1"}
        assert (await tasked.press(SUE, "do_task", outcome="no_answer", **chosen)).status_code == 303
    assert await tasked.types() == ["opened", "step_started", "task_taken", "task_done"]
    said = await done(tasked)
    assert (said.by, said.via, said.outcome, said.answers) == (SUE, "page", "no_answer", {"visit_over": "no"})
    shown = await page(tasked, SAM)
    assert "No answer, Sue Super says" in shown
    assert "Is the visit over? no." in shown
    assert "Rang twice" in shown


async def test_the_code_word_after_another_outcome_of_the_same_page_is_no_repeat_of_it(tasked: World) -> None:
    press = pressed_once(await page(tasked, SUE))
    for outcome in ("no_answer", "code_word"):
        pressed = await tasked.press(SUE, "do_task", outcome=outcome, press=press, task="1-1")
        assert pressed.status_code == 303
    assert "joined" in await tasked.types()


async def test_a_fact_that_is_missing_or_cannot_be_is_asked_for_again_with_all_that_was_typed(tasked: World) -> None:
    await step_starts(tasked, "ring_mobile")
    await tasked.press(SUE, "take_task", task="1-2")
    shown = await page(tasked, SUE)
    assert 'type="datetime-local"' in shown
    assert "In UTC, not local time." in shown
    now = await tasked.installation.clock.now()
    for left_at, why in (
        ("", REFUSALS["fact_missing"]),
        ("tomorrow", "Give the time as day, month, year, hour and minute, in UTC."),
        ("0001-01-01T00:00", "Give the time as day, month, year, hour and minute, in UTC."),
        ((now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"), REFUSALS["fact_in_the_future"]),
    ):
        typed = {"task": "1-2", "outcome": "left", "left_at.left": left_at, "note": "Says <he> ran"}
        refused = await tasked.press(SUE, "do_task", **typed)
        assert (refused.status_code, why in refused.text, "Nothing has been sent" in refused.text) == (422, True, True)
        assert f'name="left_at.left" type="datetime-local" value="{left_at}"' in refused.text
        assert "Says &lt;he&gt; ran</textarea>" in refused.text
    left_at = (now - 30 * MINUTE).strftime("%Y-%m-%dT%H:%M")
    chosen = {"task": "1-2", "outcome": "left", "left_at.left": left_at}
    assert (await tasked.press(SUE, "do_task", **chosen)).status_code == 303
    assert (await done(tasked)).left_at == datetime.fromisoformat(left_at).replace(tzinfo=UTC)


async def test_a_task_is_handed_over_to_somebody_who_may_act_and_given_back(tasked: World) -> None:
    await tasked.press(SUE, "take_task", task="1-1")
    shown = await page(tasked, SUE)
    named = re.findall(r'<option value="(\w+)">([^<]+)', shown)
    assert ("liz", "Liz Line") in named
    assert {"sue", "walt"}.isdisjoint(who for who, _ in named)
    assert (await tasked.press(SUE, "hand_over_task", task="1-1")).status_code == 422
    assert (await tasked.press(SUE, "hand_over_task", task="1-1", to=WALT)).status_code == 409
    assert (await tasked.press(SUE, "hand_over_task", task="1-1", to=LIZ)).status_code == 303
    await tasked.installation.quiet()
    assert "Sue Super asks you to take this over" in await page(tasked, LIZ)
    assert "You have asked Liz Line to take it over" in await page(tasked, SUE)
    assert (await tasked.press(SUE, "give_back_task", task="1-1")).status_code == 303
    assert "To do: Ring their mobile" in await page(tasked, SAM)
    assert "asks you to take this over" not in await page(tasked, LIZ)


async def test_what_is_no_form_of_ours_is_refused_and_changes_nothing(tasked: World) -> None:
    before = await tasked.types()
    address = await tasked.page(SUE)
    for sent in (
        {"action": "do_task", "task": "1-1"},
        {"action": "take_task", "task": "first"},
        {"action": "take_task", "task": "1-1", "surprise": "1"},
        {"action": "abduct"},
        {"action": "do_task", "task": "1-1", "outcome": "safe", "answer.visit_over": "perhaps"},
        {"action": "do_task", "task": "1-1", "outcome": "safe", "note": "n" * 20_001},
        {"action": "take_task", "task": "1-1", "press": "mine"},
        {},
    ):
        assert (await tasked.client.post(address, data=sent)).status_code == 422, sent
    refused = await tasked.press(SUE, "take_task", task="1-2")
    assert (refused.status_code, REFUSALS["task_unknown"] in refused.text) == (409, True)
    upload = await tasked.client.post(address, files={"action": ("a", b"take_task")})
    assert upload.status_code == 422
    assert await tasked.types() == before
    await withdraw(tasked.installation, SUE)
    assert (await tasked.press(SUE, "take_task", task="1-1")).status_code == 403
    assert await tasked.types() == before


async def test_a_free_task_may_be_taken_by_whoever_knows_of_the_escalation(tasked: World) -> None:
    await tasked.post(SUE, f"{ONE}/acknowledgement")
    await help_at_visit(tasked.installation)
    await tasked.installation.quiet()
    shown = await page(tasked, LIZ)
    assert "Nobody has taken it: Sue Super, Sam Super was asked to." in shown
    assert 'value="take_task">I do this</button>' in shown
    assert (await tasked.press(LIZ, "take_task", task="1-1")).status_code == 303
    assert MOBILE in await page(tasked, LIZ)


async def test_the_second_to_press_is_told_who_has_it(tasked: World) -> None:
    await tasked.press(SUE, "take_task", task="1-1")
    second = await tasked.press(SAM, "take_task", task="1-1")
    assert (second.status_code, REFUSALS["task_taken"] in second.text) == (409, True)
    assert "Sue Super does it" in second.text


async def test_under_duress_nobody_is_to_ring_the_worker_and_a_telephone_proves_nothing(tasked: World) -> None:
    await tasked.press(SUE, "take_task", task="1-1")
    old = hidden(await page(tasked, SAM), "task")
    assert (await tasked.press(SUE, "do_task", task="1-1", outcome="code_word")).status_code == 303
    for who in (SUE, SAM, LIZ):
        shown = await page(tasked, who)
        assert "Duress: Walt Alone" in shown
        assert "Do not ring or write to them" in shown
        assert (MOBILE in shown, CONTACT in shown, HOME in shown, "tel:" in shown) == (False, False, False, False)
        assert "I have spoken with the worker" not in shown
        assert "I am with the worker" in shown
    assert "To do: Call unnoticed" in await page(tasked, LIZ)
    telephone = {"how": "spoke_with_worker", "confirmed": "yes"}
    for seen in ({}, old):
        refused = await tasked.press(LIZ, "resolve", **telephone, **seen)
        assert (refused.status_code, "how you saw it" in refused.text) == (422, True)
    assert (await tasked.press(LIZ, "resolve", how="met_in_person", confirmed="yes")).status_code == 303


async def test_everybody_whom_a_page_or_what_is_read_out_names_is_looked_up_at_once(
    tasked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[list[str]] = []

    async def counted(pool: Any, streams: Iterable[str], **how: Any) -> Loaded:
        asked = list(streams)
        if any(stream_id.startswith("worker-") for stream_id in asked):
            looks.append(asked)
        return await load(pool, asked, **how)

    await act(tasked, SUE, "outcome", outcome="code_word")
    await tasked.installation.quiet()
    await act(tasked, LIZ, "taking", "2-1")
    monkeypatch.setattr("services.escalation.application.people.load", counted)
    await page(tasked, SAM)
    (named,) = looks
    assert {f"worker-{who}" for who in (WALT, SUE, SAM, LIZ)} <= set(named)
    looks.clear()
    assert (await task_of(tasked, LIZ, "2-1"))["read_out"]["who"] == "Walt Alone"
    assert [len(look) for look in looks] == [1, len(named)], "the worker's own record, and the names"


async def test_a_code_word_may_be_told_by_whoever_heard_it_and_even_after_the_end(tasked: World) -> None:
    await tasked.press(SUE, "take_task", task="1-1")
    assert "If you heard it yourself" in await page(tasked, SAM)
    await tasked.press(LIZ, "resolve", how="met_in_person", confirmed="yes")
    await tasked.post(LIZ, f"{ONE}/resolution", confirmed_by=LIZ, how="met_in_person")
    shown = await page(tasked, SUE)
    assert "Nothing is left to do" in shown
    assert re.findall(r'name="outcome" value="(\w+)"', shown) == ["code_word"]
    assert (await tasked.press(SUE, "do_task", task="1-1", outcome="code_word")).status_code == 303
    await tasked.installation.quiet()
    assert (await tasked.types())[-2:] == ["opened", "step_started"]


async def test_the_emergency_prompt_says_who_where_since_when_and_what_is_known_and_records_the_call(
    tasked: World,
) -> None:
    now = await tasked.installation.clock.now()
    await act(tasked, SUE, "outcome", outcome="no_answer")
    await step_starts(tasked, "ring_mobile")
    await act(tasked, SUE, "outcome", "1-2", outcome="left", left_at=(now - 15 * MINUTE).isoformat())
    await step_starts(tasked, "ring_contacts", "ring_home")
    await help_at_visit(tasked.installation)
    await tasked.installation.quiet()
    await act(tasked, LIZ, "outcome", "1-4", outcome="emergency")
    await tasked.installation.quiet()
    await tasked.press(SAM, "take_task", task="1-5")
    facts = (await task_of(tasked, SAM, "1-5"))["read_out"]
    assert (facts["who"], facts["place"], facts["kind"]) == ("Walt Alone", "5 Mill Lane", "home_visit")
    assert (facts["heard_by"], facts["due_at"] < facts["missed_at"]) == ("asked_for_help", True)
    assert facts["told"] == ["Sue Super", "Sam Super", "Liz Line"]
    known = [(one["kind"], one["what"], one["left_at"] is not None) for one in facts["known"]]
    assert known == [
        ("trigger", "check_in_missed", False),
        ("outcome", "No answer (Ring their mobile)", False),
        ("outcome", "They have left (Ring the contacts)", True),
        ("trigger", "help", False),
        ("outcome", "Call 999 (Take it further)", False),
    ]
    shown = await page(tasked, SAM)
    assert re.findall(r'href="tel:(\d+)"', shown) == ["999", "112"]
    assert "They asked for help, or somebody did for them" in shown
    assert ("5 Mill Lane" in shown, "cannot know whether anybody came" in shown) == (True, True)
    called_at = (await tasked.installation.clock.now()).strftime("%Y-%m-%dT%H:%M")
    call = {"task": "1-5", "outcome": "called", "called_at.called": called_at, "reference.called": "the blue tower"}
    assert (await tasked.press(SAM, "do_task", **call | {"reference.called": " "})).status_code == 422
    assert (await tasked.press(SAM, "do_task", **call)).status_code == 303
    said = (await task_of(tasked, SUE, "1-5"))["done"]
    assert (said["reference"], said["called_at"][:16]) == ("the blue tower", called_at)
    rows = await tasked.installation.admin.fetch("SELECT record FROM log.event")
    assert not [row for row in rows if b"blue tower" in row["record"]]
    assert "the blue tower" in await page(tasked, SUE)
    assert (await tasked.get(SUE, ONE)).json()["acknowledged_by"] == SAM


async def test_what_is_read_out_without_a_visit_is_what_was_said_of_the_worker(world: World) -> None:
    keyring = await adopt(world)
    await about_walt(world, WorkerDuressSignalled(worker_id=WALT, site_id=SITE, with_command="check_in"))
    note = await keyring.seal(WALT, "Behind the church")
    await about_walt(world, WorkerHelpRequested(worker_id=WALT, site_id=SITE, note=note))
    await world.installation.quiet()
    episode = f"{WALT}.1"
    assert (await world.post(LIZ, f"/escalations/{episode}/tasks/1-1/taking")).status_code == 200
    (task,) = (await world.get(LIZ, f"/escalations/{episode}")).json()["tasks"]
    facts = task["read_out"]
    assert (facts["place"], facts["kind"], facts["heard_by"]) == (NO_PLACE, None, "asked_for_help")
    assert sorted((one["kind"], one["what"], one["note"]) for one in facts["known"]) == [
        ("trigger", "duress", None),
        ("trigger", "help", None),
        ("words", "help", "Behind the church"),
    ]
    shown = (await world.client.get(await world.page(LIZ, episode))).text
    assert (NO_PLACE in shown, "Behind the church" in shown) == (True, True)


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("+44 (0)20 7946 0000", "+442079460000"),
        ("020 7946 0000", "02079460000"),
        ("020 7946-0000 (after 6)", "02079460000"),
        ("ask at the desk", None),
        ("desk: 999", "999"),
    ],
)
def test_a_number_is_dialled_as_it_was_meant(written: str, dialled: str | None) -> None:
    assert dial(written) == dialled


async def test_what_is_not_on_record_or_erased_says_so_and_what_to_do_instead(world: World) -> None:
    keyring = await adopt(world)
    await missed_visit(world.installation, version=2)
    await world.installation.quiet()
    await world.press(SUE, "take_task", task="1-1")
    shown = await page(world, SUE)
    assert (NO_NUMBER in shown, NO_CODE_WORDS in shown, "tel:" in shown) == (True, True, False)
    sealed = await keyring.seal(WALT, MOBILE)
    await about_walt(world, PhonesSet(worker_id=WALT, mobile=None, home=sealed))
    await about_walt(world, CodeWordsSet(worker_id=WALT, challenge=None, all_well=None, duress=None))
    shown = await page(world, SUE)
    assert (NO_NUMBER in shown, NO_CODE_WORDS in shown) == (True, True)
    await step_starts(world, "ring_mobile")
    await world.press(SUE, "take_task", task="1-2")
    assert NO_CONTACTS in await page(world, SUE)
    await step_starts(world, "ring_contacts")
    await world.press(SUE, "take_task", task="1-3")
    assert MOBILE in await page(world, SUE)
    await about_walt(world, PhonesSet(worker_id=WALT, mobile=None, home=await keyring.seal("gone", HOME)))
    await erase(world.installation, "gone")
    shown = await page(world, SUE)
    assert (NO_NUMBER in shown, HOME in shown) == (True, False)


async def test_without_the_keys_a_task_says_that_its_number_cannot_be_read_and_goes_on(tasked: World) -> None:
    await tasked.press(SUE, "take_task", task="1-1")
    address = await tasked.page(SUE)
    await cut_off_keys(tasked.installation)
    shown = await tasked.client.get(address)
    assert (shown.status_code, NO_NUMBER_NOW in shown.text, MOBILE in shown.text) == (200, True, False)


async def test_without_the_keys_a_code_word_raises_all_the_same_and_only_the_note_is_left_out(world: World) -> None:
    await adopt(world)
    await missed_visit(world.installation, version=2)
    await world.installation.quiet()
    await world.press(SUE, "take_task", task="1-1")
    await cut_off_keys(world.installation)
    refused = await world.press(SUE, "do_task", task="1-1", outcome="no_answer", note="Nobody there")
    assert (refused.status_code, "pressing twice does no harm" in refused.text) == (503, True)
    assert (await world.press(SUE, "do_task", task="1-1", outcome="code_word", note="Whispered it")).status_code == 303
    assert ("joined" in await world.types(), (await done(world)).note) == (True, None)
