"""The checker passes work that goes as it should, and finds what is wrong with tasks and duress (I5 to I7, I17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.checker import Timing
from tests.faults.judging.verdict import verdict
from tests.faults.made_up import T0, Fact, Story, iso, minute
from tests.faults.made_up_tasks import (
    WORK,
    asked,
    begins,
    differing,
    done,
    exhausted,
    lacking,
    once_more,
    passes,
    takes,
    with_more,
)

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection

FIRST = ("attempt-v4.1.1", "entry-v4.1.1")
SECOND = ("queued-v4.1.2", "attempt-v4.1.2", "entry-v4.1.2")


def withdrawn(notification_id: str, minutes: float) -> Fact:
    """Return that nothing more is sent for a notification."""
    stream, data = f"notification-{notification_id}", {"notification_id": notification_id}
    visit_id = notification_id.partition(".")[0]
    return Fact(f"gone-{notification_id}", minutes, stream, "notification.withdrawn.v1", data, visit_id=visit_id)


SOUND: dict[str, Story] = {
    "as it was made up": WORK,
    "a task of a ladder that went on is done late and changes nothing": with_more(
        takes("late-takes", 45, "v4.1", 2, "ben"), done("late", 46, "v4.1", 2, "ben", "concern")
    ),
    "an outcome that leads back changes nothing": with_more(
        takes("late-takes", 51, "v4.1", 2, "ben"), done("late", 52, "v4.1", 2, "ben", "no_answer")
    ),
    "what nobody had tried to tell is withdrawn when the task is taken": with_more(
        withdrawn("v4.1.2", 23.01),
        *asked("v4.1.2", 22.99, "ben", "task", 1, 1)[:1],
        instead_of=SECOND,
    ),
    "a task is given back at once and taken again": with_more(
        passes("given-back", 31.5, "v4.1", 2, "given_back", "anna", v4_1_9="cai"),
        *asked("v4.1.9", 31.51, "cai", "task", 1, 2),
        takes("cai-again", 31.6, "v4.1", 2, "cai"),
        passes("unfinished", 35.65, "v4.1", 2, "unfinished", "cai", v4_1_5="ben"),
        *asked("v4.1.5", 35.66, "ben", "task", 1, 2),
        instead_of=("unfinished", "queued-v4.1.5", "attempt-v4.1.5", "entry-v4.1.5"),
    ),
    "a task is given back while somebody has acknowledged, and that is told": with_more(
        takes("taken-6", 41, "v6.1", 1, "ben"),
        passes("given-back-6", 43, "v6.1", 1, "given_back", "ben", v6_1_9="cai"),
        *asked("v6.1.9", 43.01, "cai", "task", 1, 1),
    ),
    "a code word is said when the ladder was stopped already": with_more(
        takes("ben-takes-5", 22.5, "v5.1", 1, "ben"),
        done("word", 22.5, "v5.1", 1, "ben", "code_word"),
        instead_of=("takes-5", "word"),
    ),
    "a step that asked nobody lets the next one start at once": with_more(
        begins("ring-again", 30.02, "v4.1", 2, 0),
        begins("manager", 30.02, "v4.1", 3, 10, v4_1_6="dot"),
        *asked("v4.1.6", 30.03, "dot", "step", 1, 3),
        exhausted("round-1-4", 40.06, "v4.1", 1, 60.06),
        instead_of=tuple(
            fact.name
            for fact in WORK
            if 30 < fact.minutes < 51 and (fact.visit_id == "v4" or fact.name.startswith("entry-v4."))
        ),
    ),
}


@pytest.mark.parametrize("story", SOUND.values(), ids=SOUND.keys())
async def test_work_that_goes_as_the_ladder_says_passes(connection: Connection, tmp_path: Path, story: Story) -> None:
    assert await verdict(connection, tmp_path, story, journal=()) == []


def half_a_minute_later(*names: str) -> Story:
    """Return the story in which these come late, and say so of what follows them."""
    later = (_later(fact) if fact.name in names else fact for fact in WORK)
    return tuple(sorted(later, key=lambda fact: fact.minutes))


def _later(fact: Fact) -> Fact:
    data = dict(fact.data)
    for name in {"next_at", "passes_on_at"} & {name for name, value in data.items() if value is not None}:
        at = datetime.fromisoformat(data[name])
        data[name] = iso((at - T0).total_seconds() / 60 + 0.5)
    return replace(fact, minutes=fact.minutes + 0.5, data=data)


FROM_ROUND_2 = ("round-2-4", "anna-rings", "called", "in-hand", "resolve-4")
SPOILT: dict[str, tuple[Story, set[str], str]] = {
    "two people hold a task at once": (
        with_more(takes("eve-takes", 65.9, "v4.1", 4, "eve")),
        {"I5"},
        "two people hold a task at once",
    ),
    "a task is taken by somebody to whom it was not handed": (
        with_more(takes("eve-takes", 24.2, "v4.1", 1, "eve", of="ben")),
        {"I5"},
        "two people hold a task at once",
    ),
    "a task is taken by its holder once more": (
        with_more(takes("ben-again", 23.5, "v4.1", 1, "ben")),
        {"I5"},
        "somebody takes a task that they hold",
    ),
    "a handover names whoever does not hold it": (
        differing("cai-takes", handed_by="eve"),
        {"I5"},
        "taken from whoever does not hold it",
    ),
    "a task is taken after it was done": (
        with_more(takes("eve-takes", 26, "v4.1", 1, "eve")),
        {"I5"},
        "a task that is done is taken",
    ),
    "a task is done twice": (
        with_more(done("no-answer-2", 26, "v4.1", 1, "cai", "wrong_number", turn=3, at=26)),
        {"I5", "I7"},
        "a task that is done is done",
    ),
    "a task passes on after it was done": (
        with_more(passes("on", 28.6, "v4.1", 1, "given_back", "cai")),
        {"I5"},
        "a task that is done is passed on",
    ),
    "a task is done by somebody who does not hold it": (
        differing("no-answer", by="ben"),
        {"I5"},
        "task_done of somebody who does not hold the task",
    ),
    "a task is given back by somebody who does not hold it": (
        with_more(passes("back", 24.2, "v4.1", 1, "given_back", "eve")),
        {"I5"},
        "task_passed_on of somebody who does not hold the task",
    ),
    "a task is taken that never began": (
        with_more(takes("nothing", 25, "v4.1", 4, "eve")),
        {"I5"},
        "a task that never began",
    ),
    "somebody is called after the task was taken": (
        with_more(*once_more("v4.1.1", 23.2, "anna")),
        {"I6"},
        "although the task is taken",
    ),
    "somebody to whom it passed on is called after it was taken": (
        with_more(*once_more("v4.1.2", 23.2, "ben")),
        {"I6"},
        "although the task is taken",
    ),
    "somebody is called after the task was done": (
        with_more(*once_more("v4.1.1", 29, "anna")),
        {"I6"},
        "although the task is done",
    ),
    "somebody is asked to take over what is theirs": (
        with_more(*once_more("v4.1.3", 24.7, "cai")),
        {"I6"},
        "no longer handed over",
    ),
    "somebody is called to a ladder that was stopped": (
        with_more(*once_more("v5.1.2", 22.5, "ben")),
        {"I6"},
        "a ladder that was stopped",
    ),
    "somebody is called to a task after the acknowledgement": (
        with_more(*once_more("v4.1.5", 66.5, "ben")),
        {"I6"},
        "although somebody has acknowledged",
    ),
    "an offer of a task is withdrawn while the task is free": (
        with_more(withdrawn("v4.1.1", 20.1), instead_of=FIRST),
        {"I8"},
        "withdrawn that somebody still wanted",
    ),
    "an offer of a task that passed on is withdrawn because it was taken once": (
        with_more(withdrawn("v4.1.5", 35.1), instead_of=("attempt-v4.1.5", "entry-v4.1.5")),
        {"I8"},
        "withdrawn that somebody still wanted",
    ),
    "a handover is withdrawn that was not answered": (
        with_more(withdrawn("v4.1.3", 24.1), instead_of=("attempt-v4.1.3", "entry-v4.1.3")),
        {"I8"},
        "withdrawn that somebody still wanted",
    ),
    "an untaken task passes on late": (
        half_a_minute_later("untaken", *SECOND),
        {"I7"},
        "the task of step 1 of ladder 1 passed on too late",
    ),
    "an unfinished task passes on late": (
        half_a_minute_later("unfinished", "queued-v4.1.5", "attempt-v4.1.5", "entry-v4.1.5"),
        {"I7"},
        "the task of step 2 of ladder 1 passed on too late",
    ),
    "an untaken task never passes on": (lacking("untaken", *SECOND), {"I7"}, "did not pass on in its time"),
    "a task passes on early": (
        differing("untaken", 21),
        {"I7"},
        "a task passed on before its time",
    ),
    "a task is taken, and never passes on": (
        differing("ben-takes", passes_on_at=None),
        {"I7"},
        "nothing says when it passes on",
    ),
    "a task is taken for longer than the ladder says": (
        differing("cai-takes", passes_on_at=iso(40)),
        {"I7"},
        "stays with somebody for longer",
    ),
    "a step starts later than its timeout": (
        half_a_minute_later("manager", "queued-v4.1.6", "attempt-v4.1.6", "entry-v4.1.6"),
        {"I7"},
        "turn 3 of ladder 1 started too late",
    ),
    "a step waits longer than the ladder says": (
        differing("ring", next_at=iso(45)),
        {"I7"},
        "waits longer than the ladder says",
    ),
    "a step waits less than the ladder says": (
        differing("ring", next_at=iso(25)),
        {"I7"},
        "waits less than the ladder says",
    ),
    "everyone is told again later than the ladder says": (
        differing("round-1-4", next_at=iso(100)),
        {"I7"},
        "waits longer than the ladder says",
    ),
    "an outcome is ignored from the start": (
        differing("no-answer", next_turn=None, next_at=None),
        {"I7"},
        "an outcome was ignored: it leads to another step",
    ),
    "an outcome is recorded, and its step does not come sooner": (
        half_a_minute_later("ring-again", "queued-v4.1.4", "attempt-v4.1.4", "entry-v4.1.4"),
        {"I7"},
        "turn 2 of ladder 1 started too late",
    ),
    "an outcome that leads on at once is taken for one after 5 minutes": (
        differing("no-answer", outcome="wrong_number", next_turn=3),
        {"I7"},
        "the step comes later than the ladder says",
    ),
    "an outcome puts a step off": (
        differing("no-answer", next_at=iso(35)),
        {"I7"},
        "an outcome puts the next turn off",
    ),
    "an outcome leads on sooner than it may": (
        differing("no-answer", next_at=iso(25)),
        {"I7"},
        "leads on sooner than the ladder says",
    ),
    "an outcome leads elsewhere": (differing("no-answer", next_turn=3), {"I7"}, "no outcome leads to 3"),
    "an outcome leads back": (
        with_more(
            takes("late-takes", 45, "v4.1", 2, "ben"), done("late", 46, "v4.1", 2, "ben", "no_answer", turn=2, at=46)
        ),
        {"I7"},
        "no outcome leads to 2",
    ),
    "an outcome that the task does not have is taken": (
        differing("emergency", outcome="holiday"),
        {"I7"},
        "the task has no outcome holiday",
    ),
    "a step to which an outcome leads never starts": (
        lacking("services", "queued-v4.1.7", "attempt-v4.1.7", "entry-v4.1.7", *FROM_ROUND_2[1:3]),
        {"I7"},
        "turn 4 of ladder 1 did not start",
    ),
    "an exhausted ladder is silent after a step that started after all": (
        half_a_minute_later(*FROM_ROUND_2),
        {"I7"},
        "turn 6 of ladder 1 started too late",
    ),
    "an outcome that takes the escalation does not": (
        lacking("in-hand"),
        {"I7"},
        "no escalation.acknowledged.v1 came with it",
    ),
    "an outcome that ends the escalation does not": (
        differing("no-answer", outcome="safe", next_turn=None, next_at=None),
        {"I7"},
        "no escalation.resolved.v1 came with it",
    ),
    "a ladder that was stopped goes on": (
        with_more(begins("stopped", 30.01, "v5.1", 2, 10)),
        {"I7"},
        "a ladder goes on that was stopped",
    ),
    "a task of a ladder that was stopped is taken": (
        with_more(takes("ben-takes-5", 22.5, "v5.1", 1, "ben"), instead_of=("takes-5", "word")),
        {"I7"},
        "a task of a ladder that was stopped goes on",
    ),
    "a task of a ladder that was stopped is done, and that is no trigger": (
        with_more(
            takes("ben-takes-5", 22.5, "v5.1", 1, "ben"),
            done("ben-is-done-5", 22.5, "v5.1", 1, "ben", "safe"),
            instead_of=("takes-5", "word"),
        ),
        {"I7"},
        "a task of a ladder that was stopped goes on",
    ),
    "a task of a ladder that was stopped goes on": (
        with_more(
            begins("ring-5", 20.01, "v5.1", 1, 10, v5_1_1="anna", v5_1_2="ben"),
            passes("freed", 22.5, "v5.1", 1, "given_back", "anna"),
            instead_of=("ring-5", "word"),
        ),
        {"I7"},
        "a task of a ladder that was stopped goes on",
    ),
    "a ladder is stopped by nothing": (
        differing("joined-5", ladder_no=None, ladder=None),
        {"I7"},
        "no other runs instead",
    ),
    "a ladder rings on although duress was signalled": (
        differing("joined-5", stopped=[]),
        {"I7"},
        "a ladder goes on although another runs instead of it",
    ),
    "duress is signalled and nobody is told": (
        lacking("opened-6", "help-goes-6", "queued-v6.1.1", "attempt-v6.1.1", "entry-v6.1.1", "ack-6", "resolve-6"),
        {"I3", "I15", "I17"},
        "a signal of duress reached no escalation",
    ),
    "duress is signalled and somebody is told late": (
        half_a_minute_later("opened-6", "help-goes-6", "queued-v6.1.1", "attempt-v6.1.1", "entry-v6.1.1"),
        {"I17"},
        "later than 10 s after its trigger",
    ),
    "a code word is said and raises nothing": (
        differing("joined-5", trigger_event_id="duress-6", trigger="help"),
        {"I3", "I5", "I15", "I17"},
        "outcome that is a trigger reached no escalation",
    ),
    "duress is raised by an outcome that is no code word": (
        differing("joined-5", trigger_event_id="v5.1.1-1.no_answer"),
        {"I3", "I15", "I17"},
        "trigger is not in the log before it",
    ),
    "duress is raised by a task of another visit": (
        differing("joined-5", trigger_event_id="v4.1.1-1.code_word"),
        {"I3", "I15", "I17"},
        "of another visit",
    ),
}


@pytest.mark.parametrize(("story", "invariants", "sentence"), SPOILT.values(), ids=SPOILT.keys())
async def test_spoilt_work_is_found(
    connection: Connection, tmp_path: Path, story: Story, invariants: set[str], sentence: str
) -> None:
    found = await verdict(connection, tmp_path, story, journal=())
    assert any(sentence in violation.sentence for violation in found), found
    assert {violation.invariant for violation in found} == invariants, found


async def test_what_passes_on_after_an_outage_may_wait_for_its_end(connection: Connection, tmp_path: Path) -> None:
    down = Timing(outages=((minute(22), minute(22.5)),))
    story = half_a_minute_later("untaken", *SECOND)
    assert await verdict(connection, tmp_path, story, journal=(), timing=down) == []


async def test_a_task_that_nobody_takes_at_the_end_of_the_log_must_have_passed_on(
    connection: Connection, tmp_path: Path
) -> None:
    story = tuple(fact for fact in WORK if fact.minutes < 22.02)
    spoil = "INSERT INTO log.deadline SELECT s, k, '', 'made-up', 'infinity' FROM (VALUES ('escalation-v4', 'step'),"
    spoil += "('escalation-v5', 'step')) AS d (s, k)"
    found = await verdict(connection, tmp_path, story, journal=(), spoil=spoil, now=23)
    assert ("I7", "the task of step 1 of ladder 1 did not pass on in its time") in {
        (one.invariant, one.sentence) for one in found
    }
