"""What people are told: every kind, trigger, trouble and lateness has words of its own, and a bundle has them all."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from services.notifier.application.messages import SOMEBODY, Messages, Said
from shared.contracts.ladders import GRAVITY
from shared.contracts.notifications import NotificationKind
from shared.contracts.troubles import Concern, Trouble
from tests.unit.notifier.examples import DUE, T0, queued, reminder

MESSAGES = Messages()
LINK = "https://front.test/escalation/e/0123456789abcdef"
KINDS = [kind for part in get_args(NotificationKind) for kind in get_args(part)]
TOLD = [kind for kind in KINDS if kind not in ("reminder", "test")]
TROUBLED = ("trouble", "system")


def say(**changes: Any) -> Said:
    return MESSAGES.say(queued(**changes), "Ania", LINK)


def trouble(concern: Concern, **more: Any) -> Trouble:
    return Trouble(service="checkin", concern=concern, place="visit-v1", **more)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trigger", [*GRAVITY, None])
def test_whatever_is_told_has_a_subject_of_one_line_and_a_text(kind: str, trigger: str | None) -> None:
    said = say(kind=kind, trigger=trigger, occasion=None)
    assert said.subject.startswith("Lonewatch: ")
    assert len(said.subject) > len("Lonewatch: a test")
    assert said.text
    assert "None" not in said.text
    assert "\n\n\n" not in said.text


def test_every_trigger_is_told_in_words_of_its_own() -> None:
    assert len({say(trigger=trigger).subject for trigger in GRAVITY}) == len(GRAVITY)
    assert len({say(trigger=trigger).text for trigger in GRAVITY}) == len(GRAVITY)


@pytest.mark.parametrize("kind", TOLD)
def test_an_escalation_about_ourselves_names_no_worker(kind: str) -> None:
    said = MESSAGES.say(queued(kind=kind, trigger="system", trouble=trouble("clock_differs")), SOMEBODY, LINK)
    assert SOMEBODY not in said.subject + said.text


@pytest.mark.parametrize("kind", ["step", "exhausted", "ran_out"])
@pytest.mark.parametrize(
    ("trigger", "task"),
    [("approval_overdue", "Approve or refuse the visit"), ("report_overdue", "Ask Ania how it went")],
)
def test_where_nobody_is_feared_to_be_in_danger_nobody_is_sent_to_find_out(kind: str, trigger: str, task: str) -> None:
    said = say(kind=kind, trigger=trigger)
    assert task in said.text
    assert "safe" not in said.subject + said.text


@pytest.mark.parametrize("concern", get_args(Concern))
@pytest.mark.parametrize("trigger", TROUBLED)
def test_a_trouble_says_which_service_where_and_what_to_do(concern: Concern, trigger: str) -> None:
    text = say(trigger=trigger, trouble=trouble(concern, from_at=DUE, to_at=T0)).text
    assert concern == "nobody_reached" or "checkin" in text
    assert "What to do about it" in text
    if concern == "system_outage":
        assert "from 14:00 UTC (2026-03-02) to 14:05 UTC (2026-03-02)" in text
    else:
        assert "visit-v1" in text


def test_every_trouble_has_words_of_its_own() -> None:
    concerns = get_args(Concern)
    assert len({say(trigger="system", trouble=trouble(concern)).text for concern in concerns}) == len(concerns)


def test_a_miss_that_fell_into_our_own_outage_says_that_we_could_not_hear_the_worker() -> None:
    outage = trouble("system_outage", from_at=DUE, to_at=T0)
    assert (
        "Lonewatch itself was not running from 14:00 UTC (2026-03-02) to 14:05 UTC (2026-03-02), "
        "so a check-in could not be received."
    ) in say(late="system_outage", trouble=outage).text
    assert "Lonewatch itself was not running for a time" in say(late="system_outage").text


def test_another_lateness_is_said_and_none_is_not() -> None:
    assert "later than it should have" in say(late="nobody_looked_in_time").text
    assert "later than it should have" not in say().text


@pytest.mark.parametrize(
    ("occasion", "words"),
    [
        ("before", "check in"),
        ("at", "check in"),
        ("start", "call it off"),
        ("end", "give a new expected end"),
        ("report", "report it in Lonewatch"),
    ],
)
def test_a_reminder_says_what_is_awaited_and_what_to_do(occasion: str, words: str) -> None:
    said = MESSAGES.say(reminder(occasion=occasion), "Ania", None)
    assert words in said.text
    assert "Ania" in said.text


def test_a_bundle_says_how_many_and_the_gravest_first_each_with_its_link() -> None:
    said = [
        MESSAGES.say(queued(kind="all_clear"), "Ben", f"{LINK}1"),
        MESSAGES.say(queued(), "Cai", f"{LINK}2"),
        MESSAGES.say(queued(trigger="help", due_at=None), "Dot", f"{LINK}3"),
        MESSAGES.say(reminder(), "Eve", None),
    ]
    bundle = MESSAGES.bundle(said)
    assert bundle.subject == "Lonewatch: 4 messages, the gravest: Dot asked for help"
    assert [bundle.text.index(f"{LINK}{number}") for number in (3, 2, 1)] == sorted(
        bundle.text.index(f"{LINK}{number}") for number in (1, 2, 3)
    )
    assert "1. Dot asked for help" in bundle.text
    assert "2. Cai missed a check-in\n   Due: 14:00 UTC (2026-03-02)" in bundle.text
    assert "acknowledge what you take" in bundle.text


def test_a_bundle_says_of_which_misses_lonewatch_itself_was_away() -> None:
    late, plain = MESSAGES.say(queued(late="system_outage"), "Ben", LINK), MESSAGES.say(queued(), "Cai", LINK)
    some = MESSAGES.bundle([late, plain]).text
    assert "Lonewatch itself was away when some of it fell due" in some
    assert some.count("Lonewatch itself was away when this fell due.") == 1
    assert "when all of it fell due" in MESSAGES.bundle([late, late]).text
    assert "was away" not in MESSAGES.bundle([plain, plain]).text


def test_a_bundle_of_which_nothing_is_an_alarm_asks_for_nothing() -> None:
    bundle = MESSAGES.bundle([MESSAGES.say(queued(kind="all_clear"), name, LINK) for name in ("Ben", "Cai")])
    assert bundle.subject == "Lonewatch: 2 messages: the escalation about Ben has ended"
    assert "acknowledge" not in bundle.text


def offer(kind: str = "step", **changes: Any) -> Said:
    return say(**{"kind": kind, "task": "Ring the mobile", "passes_on_at": T0, **changes})


@pytest.mark.parametrize("kind", ["step", "task", "handover"])
def test_an_offer_of_a_task_says_what_for_whom_and_how_it_is_taken(kind: str) -> None:
    said = offer(kind)
    assert "a task" in said.subject
    assert "You are asked to do this for Ania: Ring the mobile." in said.text
    assert "take the task" in said.text
    assert "nobody is known to" in said.text
    assert "by 14:05 UTC (2026-03-02), it passes on to the next person" in said.text
    assert "acknowledge" not in said.text
    assert len({offer(each).text for each in ("step", "task", "handover")}) == 3


@pytest.mark.parametrize("kind", ["task", "handover"])
def test_an_offer_of_which_little_is_known_is_made_all_the_same(kind: str) -> None:
    said = offer(kind, task=None, passes_on_at=None, trigger=None)
    assert "a task that the link shows" in said.text
    assert "None" not in said.text
    assert "passes on to the next person" not in said.text


def test_a_handover_says_that_somebody_asks_for_it() -> None:
    assert "asks you to take it over" in offer("handover").text
    assert "Others were asked before you" in offer("task").text
    assert "Others were asked before you" not in offer("step").text


DO_NOT_RING = "Do not ring the worker"


@pytest.mark.parametrize("kind", [kind for kind in TOLD if kind != "all_clear"])
@pytest.mark.parametrize("changes", [{"trigger": "duress"}, {"trigger": "help", "duress": True}])
def test_under_duress_the_first_line_says_not_to_ring_the_worker(kind: str, changes: dict[str, Any]) -> None:
    for task in (None, "See to it that help comes"):
        said = say(kind=kind, task=task, **changes)
        assert DO_NOT_RING in said.text.splitlines()[0]
        assert "do not ring the worker" in said.subject
        assert DO_NOT_RING in MESSAGES.bundle([said, say()]).text.splitlines()[0]


@pytest.mark.parametrize("kind", TOLD)
@pytest.mark.parametrize("trigger", [trigger for trigger in GRAVITY if trigger != "duress"])
def test_without_duress_nobody_is_told_not_to_ring(kind: str, trigger: str) -> None:
    said = say(kind=kind, trigger=trigger, task="Ring the mobile")
    assert "ring the worker" not in (said.subject + said.text + MESSAGES.bundle([said, said]).text).lower()


def test_an_all_clear_tells_nobody_any_more_not_to_ring() -> None:
    assert DO_NOT_RING not in say(kind="all_clear", trigger="duress", duress=True).text
    assert DO_NOT_RING not in MESSAGES.bundle(2 * [say(kind="all_clear", trigger="duress", duress=True)]).text


def test_a_reminder_says_the_same_whatever_was_signalled() -> None:
    before, after = reminder(), reminder(duress=True)
    assert MESSAGES.say(before, "Ania", None).text == MESSAGES.say(after, "Ania", None).text
    assert MESSAGES.say(before, "Ania", None).subject == MESSAGES.say(after, "Ania", None).subject


def test_a_bundle_names_the_tasks_in_it() -> None:
    assert "The task: Ring the mobile" in MESSAGES.bundle([offer(), say()]).text
