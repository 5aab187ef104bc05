"""What a timeline says of tasks, duress, situations, phones, code words and PINs, word by word."""

from __future__ import annotations

import pytest

from services.audit.domain import Line, shown, timeline, timeline_text
from shared.contracts.base import Event
from shared.contracts.persons import CodeWordsSet, PhonesSet
from shared.contracts.roles import Role
from tests.support.history_of import happened, history_of
from tests.unit.audit.answers import ask, opened
from tests.unit.audit.examples import DUE, ESCALATION, HEIDI, MINUTE, OPENED, SUE, T0, WALT, sealed
from tests.unit.audit.protocol import (
    ADA,
    CALLED,
    DURESS_ON_VISIT,
    DURESS_WITHOUT_VISIT,
    PERSONS,
    PROTOCOL,
    REPORTED_WITHOUT_VISIT,
    done,
    handed_over,
    joined,
    offered,
    passed_on,
    reported,
    taken,
)

LATER = OPENED + 10 * MINUTE
TO_ADA = ask(1, ADA, Role.ADMINISTRATOR)
HEIDI_TOO = ask(2, HEIDI)


def line_of(event: Event, by: str = SUE) -> Line:
    """Return the line of an event that comes after the ladder was frozen."""
    history = history_of(happened(T0, opened("missed", PROTOCOL)), happened(OPENED, event, by=by))
    return next(line for line in timeline(history, OPENED).lines if line.position == 2)


SAID: tuple[tuple[Event, str], ...] = (
    (
        offered(1, LATER, OPENED + 3 * MINUTE, TO_ADA),
        (
            "Step 1 (Ring the mobile), a task, started; offered to {ada} (administrator), and to others if untaken at"
            " 14:38:01; what follows is due at 14:45:01."
        ),
    ),
    (
        offered(1, LATER, None, TO_ADA),
        (
            "Step 1 (Ring the mobile), a task, started; offered to {ada} (administrator); there is nobody else to offer it"
            " to; what follows is due at 14:45:01."
        ),
    ),
    (
        offered(1, OPENED, None),
        (
            "Step 1 (Ring the mobile), a task, started; nobody holds its roles, so it is offered to nobody; what follows is"
            " due at 14:35:01."
        ),
    ),
    (
        taken(ADA, OPENED + 4 * MINUTE),
        "{ada} took task 1-1 (Ring the mobile) (page); not done by 14:39:01, it passes on.",
    ),
    (
        taken(SUE, OPENED + 4 * MINUTE, handed_by=ADA),
        "{sue} took task 1-1 (Ring the mobile) (page), handed over by {ada}; not done by 14:39:01, it passes on.",
    ),
    (taken(ADA, None), "{ada} took task 1-1 (Ring the mobile) (page); the ladder has gone on already."),
    (
        handed_over(ADA, ask(2, SUE)),
        "{ada} asked {sue} to take task 1-1 (Ring the mobile); until they do, it stays where it is.",
    ),
    (
        passed_on("untaken", None, LATER, HEIDI_TOO),
        ("Nobody took task 1-1 (Ring the mobile) in time; offered to {heidi}, and to others if untaken at 14:45:01."),
    ),
    (
        passed_on("unfinished", ADA, None, HEIDI_TOO),
        "{ada} did not finish task 1-1 (Ring the mobile) in time, so it is free again; offered to {heidi}.",
    ),
    (
        passed_on("given_back", ADA, None, HEIDI_TOO),
        "{ada} gave task 1-1 (Ring the mobile) back, so it is free again; offered to {heidi}.",
    ),
    (
        passed_on("reached_nobody", None, None, HEIDI_TOO),
        "Nobody who was offered task 1-1 (Ring the mobile) could be told; offered to {heidi}.",
    ),
    (
        passed_on("untaken", None, None),
        (
            "Nobody took task 1-1 (Ring the mobile) in time; nobody else is left to offer it to, and the ladder goes on at"
            " its time."
        ),
    ),
    (passed_on("untaken", None, None, HEIDI_TOO, part=2), "Part 2 of the same; told too: {heidi}."),
    (
        done(ADA, "no_answer", 2, OPENED + 5 * MINUTE),
        ("{ada} did task 1-1 (Ring the mobile) (page): no answer; step 2 (Ring the mobile again) follows at 14:40:01."),
    ),
    (
        done(ADA, "give_up", 5, OPENED),
        "{ada} did task 1-1 (Ring the mobile) (page): give up; telling everyone follows at 14:35:01.",
    ),
    (
        done(ADA, "left").model_copy(update={"answers": {"alone": "unclear", "left": "yes"}, "left_at": DUE}),
        (
            "{ada} did task 1-1 (Ring the mobile) (page): left; answers: alone unclear, left yes; they were told that the"
            " worker left at 14:30:00."
        ),
    ),
    (
        CALLED.model_copy(update={"outcome": "called", "called_at": DUE, "late": True}),
        (
            "{sue} did task 1-1 (Ring the mobile) (page): called; they say that emergency services were called at 14:30:00,"
            " under a reference; the ladder had gone on before this was recorded."
        ),
    ),
    (
        joined("duress", 1),
        "Duress joined escalation visit1.1; ladder 2 starts instead of ladder 1, which stopped for good; told: nobody.",
    ),
    (
        DURESS_ON_VISIT,
        "{walt} used the duress PIN on the visit, as if with an ordinary command (check in).",
    ),
    (
        DURESS_WITHOUT_VISIT,
        "{walt} used the duress PIN without a visit of theirs, as if with an ordinary command (end visit).",
    ),
    (reported("break_in"), "{sue} reported a suspected break-in on the visit, about {walt}."),
    (reported("safeguarding"), "{sue} reported a matter of safeguarding on the visit, about {walt}."),
    (reported("unsafe"), "{sue} reported an unsafe place on the visit, about {walt}."),
    (REPORTED_WITHOUT_VISIT, "{sue} reported unplanned lone working without a visit, about {walt}."),
    (PERSONS[0], "{sue} set under which numbers {walt} can be rung: mobile."),
    (
        PhonesSet(worker_id=WALT, mobile=None, home=None),
        "{sue} set under which numbers {walt} can be rung: none.",
    ),
    (PERSONS[1], "{sue} set the code words of {walt}."),
    (
        CodeWordsSet(worker_id=WALT, challenge=None, all_well=None, duress=None),
        "{sue} removed the code words of {walt}.",
    ),
    (PERSONS[2], "{sue} set a PIN and a duress PIN for {walt}."),
    (PERSONS[3], "{sue} removed the PINs of {walt}."),
)


@pytest.mark.parametrize(("event", "sentence"), SAID, ids=range(len(SAID)))
def test_each_says_who_did_what_until_when_and_what_follows(event: Event, sentence: str) -> None:
    assert line_of(event).sentence == sentence


def test_a_worker_who_reports_what_is_the_matter_is_named_once() -> None:
    assert line_of(reported("unsafe"), by=WALT).sentence == "{walt} reported an unsafe place on the visit."


def test_a_task_of_a_ladder_that_nobody_can_read_is_told_by_its_number() -> None:
    history = history_of(happened(OPENED, done(ADA, "no_answer", 2, OPENED + 5 * MINUTE)))
    [line] = timeline(history, OPENED).lines[:1]
    assert line.sentence == "{ada} did task 1-1 (page): no answer; step 2 follows at 14:40:01."


def test_a_reference_and_a_note_are_sealed_and_opened_for_whoever_may_read_the_timeline() -> None:
    called = line_of(CALLED)
    assert set(called.sealed) == {"note", "reference"}
    assert called.details["reference"] == "(sealed)"
    told = timeline(history_of(happened(OPENED, CALLED)), OPENED)
    answer = shown(told, {"visit_id": "visit1"}, {}, {(1, "reference"): "CAD 4711"})
    assert "Reference: CAD 4711." in timeline_text(answer, width=400)


def test_code_words_and_numbers_are_opened_for_nobody() -> None:
    assert [line_of(event).sealed for event in PERSONS] == [{}, {}, {}, {}]
    words = CodeWordsSet(worker_id=WALT, challenge=sealed("blue"), all_well=None, duress=None)
    assert "blue" not in str((line_of(words).sentence, line_of(words).details))


def test_what_a_task_did_cites_the_clause_of_its_outcome() -> None:
    assert line_of(done(ADA, "no_answer")).clauses == ("outcome no_answer",)
    assert line_of(taken(ADA, None)).clauses == ("finish in time",)
    assert line_of(passed_on("untaken", None, None)).clauses == ("pass it on",)


def test_the_head_of_the_text_tells_each_task_at_a_glance() -> None:
    called = CALLED.model_copy(update={"outcome": "called", "called_at": OPENED + MINUTE, "left_at": DUE})
    history = history_of(
        happened(OPENED, opened("missed", PROTOCOL)),
        happened(OPENED, offered(1, LATER, OPENED + 3 * MINUTE, TO_ADA)),
        happened(OPENED + MINUTE, taken(ADA, OPENED + 5 * MINUTE)),
        happened(OPENED + 2 * MINUTE, called),
        happened(LATER, offered(2, LATER + 10 * MINUTE, None, TO_ADA)),
    )
    answer = shown(timeline(history, LATER), {"visit_id": "visit1"}, {ADA: "Ada Desk", SUE: "Sue Hall"}, {})
    head, _, _ = timeline_text(answer, width=400).partition("\n\n")
    assert head.splitlines()[-2:] == [
        (
            "  Task 1-1 (Ring the mobile): offered 14:35:01, taken 14:36:01 by Ada Desk, done 14:37:01 by Sue Hall: called,"
            " told that the worker left 14:30:00, says that emergency services were called 14:36:01."
        ),
        "  Task 1-2 (Ring the mobile again): offered 14:45:01.",
    ]
    assert ESCALATION in head
