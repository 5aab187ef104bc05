"""What a timeline shows to the worker whom it is about: the same, whether they are under duress or not.

Each pair of histories is of one afternoon: as it is ordinarily, and with duress and all that followed it. What both give is
compared as bytes, with ids and instants masked here, by rules of this test alone.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from services.audit.domain import Timeline, Unreadable, people_in, shown, timeline_text, view
from shared.contracts.audits import TimelineDisclosed
from shared.contracts.awaited import ReminderDue, WatchResumed
from shared.contracts.envelope import Recorded
from shared.contracts.notifications import AttemptAccepted, AttemptStarted, Message, NotificationQueued
from shared.contracts.roles import Role
from shared.contracts.situations import KEPT_FROM_THE_WORKER
from shared.contracts.visits import LateCheckInRecorded, VisitReported, WorkerHelpRequested
from tests.support.history_of import Happened, happened, history_of
from tests.unit.audit.answers import ask, attempted, opened, parked, queued, resolved
from tests.unit.audit.examples import (
    CHECK_IN_MISSED,
    CLOCK,
    DUE,
    ENDED,
    ESCALATION,
    HELP_REQUESTED,
    MINUTE,
    OPENED,
    SECOND,
    SUE,
    T0,
    VISIT,
    WALT,
    begun,
    checked_in,
    sealed,
)
from tests.unit.audit.protocol import (
    ADA,
    DURESS,
    DURESS_ON_VISIT,
    DURESS_WITHOUT_VISIT,
    REPORTED_WITHOUT_VISIT,
    done,
    joined,
    offered,
    reported,
    taken,
)

LATER = T0 + timedelta(hours=6)
PEOPLE = {WALT: "Walt Moor", SUE: "Sue Hall", ADA: "Ada Desk"}

INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?|\d\d:\d\d:\d\d")
EPISODE = re.compile(r"visit1\.\d+")


def masked(text: str) -> bytes:
    """Return a text with its instants and the ids of escalations masked, as the bytes that a device gets."""
    return EPISODE.sub("<id>", INSTANT.sub("<instant>", text)).encode()


def answer(history: list[Recorded], by: str | None = WALT, subject: str = VISIT) -> dict[str, Any]:
    """Return what the worker is answered, or, with ``by`` None, anybody else who may read it."""
    seen = view(history, (), LATER, by)
    people = {worker_id: PEOPLE[worker_id] for worker_id in people_in(seen.told)}
    told = shown(seen.told, {"visit_id": subject}, people, dict.fromkeys(_places(seen.told), "12 Mill Lane"))
    return {**told, "unreadable": list(seen.unreadable)}


def _places(told: Timeline) -> list[tuple[int, str]]:
    return [(line.position, name) for line in told.lines if line.position for name in line.sealed]


def signalled(at_minutes: int) -> list[Happened]:
    """The worker used the duress PIN, and what follows: people with tasks, and what they found out and did."""
    at = T0 + at_minutes * MINUTE
    return [
        happened(at, DURESS_ON_VISIT, by=WALT, event_id="duress"),
        happened(at, opened("duress", DURESS)),
        happened(at, offered(1, at + 10 * MINUTE, at + 3 * MINUTE, ask(1, ADA, Role.ADMINISTRATOR))),
        happened(at + SECOND, queued(1, ADA)),
        happened(at + SECOND, attempted(1, at)),
        happened(at + MINUTE, taken(ADA, at + 4 * MINUTE), by=ADA),
        happened(at + 2 * MINUTE, done(ADA, "concern"), by=ADA),
        happened(at + 2 * MINUTE, reported("break_in"), by=SUE),
        happened(at + 2 * MINUTE, HELP_REQUESTED, by=SUE),
        happened(at + 3 * MINUTE, TimelineDisclosed(subject_id=VISIT, to=SUE, through=9), by=SUE),
        happened(at + 3 * MINUTE, parked()),
    ]


def reminded(call_id: str | None = None) -> list[Happened]:
    """The worker is reminded of the check-in; the call may carry what else they are told."""
    at, notification_id = DUE - 5 * MINUTE, f"{VISIT}.r1"
    message_id = f"{notification_id}.m"
    due = ReminderDue(visit_id=VISIT, worker_id=WALT, reminder_id=notification_id, occasion="before", due_at=DUE)
    asked = NotificationQueued(
        notification_id=notification_id,
        recipient_id=WALT,
        kind="reminder",
        asked_by=f"visit-{VISIT}",
        escalation_id=None,
        ladder_no=None,
        step=None,
        trigger=None,
        due_at=DUE,
        worker_id=WALT,
        messages=(Message(message_id=message_id, contact_point_id="m", channel="mail"),),
        send_at=at,
        occasion="before",
    )
    started = AttemptStarted(
        notification_id=notification_id,
        message_id=message_id,
        attempt=1,
        contact_point_id="m",
        channel="mail",
        unknown_at=at + MINUTE,
        call_id=call_id,
    )
    accepted = AttemptAccepted(notification_id=notification_id, message_id=message_id, attempt=1, provider_ref="p1")
    return [
        happened(at, due, by=CLOCK),
        happened(at + SECOND, asked),
        happened(at + SECOND, started),
        happened(at + 2 * SECOND, accepted),
    ]


def resumed(episode: int) -> WatchResumed:
    return WatchResumed(visit_id=VISIT, escalation_id=f"{VISIT}.{episode}", due_at=OPENED + 60 * MINUTE)


CHECKED_IN = happened(T0 + 20 * MINUTE, checked_in(DUE, DUE + 20 * MINUTE), by=WALT)
MISSED = happened(OPENED, CHECK_IN_MISSED, by=CLOCK, event_id="missed")
LATE = happened(OPENED + MINUTE, LateCheckInRecorded(visit_id=VISIT, missed_due_at=DUE), by=WALT)
END = happened(T0 + 25 * MINUTE, ENDED, by=WALT)
OWN_HELP = happened(T0 + 10 * MINUTE, HELP_REQUESTED, by=WALT, event_id="help")
ESCALATED = [happened(OPENED, opened("missed")), happened(OPENED + 5 * MINUTE, resolved(SUE, ask(3, SUE)), by=SUE)]
TO_DURESS = happened(OPENED + MINUTE, joined("duress", 1), by="system:escalation")
WRITTEN = VisitReported(visit_id=VISIT, by=SUE, went="other", note=sealed("what the police said"))
AFTERWARDS = happened(T0 + 50 * MINUTE, WRITTEN, by=SUE)
AFTERWARDS_WITHOUT = happened(T0 + 50 * MINUTE, WRITTEN.model_copy(update={"note": None}), by=SUE)

PAIRS: dict[str, tuple[list[Happened], list[Happened]]] = {
    "a check-in": ([*begun(), CHECKED_IN], [*begun(), CHECKED_IN, *signalled(20)]),
    "an end": ([*begun(), CHECKED_IN, END], [*begun(), CHECKED_IN, END, *signalled(25)]),
    "before the start": (begun()[:2], [*begun()[:2], *signalled(-5)]),
    "a refused command after the end": ([*begun(), END], [*begun(), END, *signalled(30)]),
    "between two commands": ([*begun(), CHECKED_IN, END], [*begun(), CHECKED_IN, *signalled(20), END]),
    "a reminder": ([*begun(), *reminded()], [*begun(), *signalled(10), *reminded("bundle-1")]),
    "a help of their own": ([*begun(), OWN_HELP], [*begun(), OWN_HELP, *signalled(11)]),
    "a late check-in, with the watch resumed": (
        [*begun(), MISSED, *ESCALATED[:1], LATE, *ESCALATED[1:], happened(OPENED + 6 * MINUTE, resumed(1))],
        [
            *begun(),
            *signalled(20),
            MISSED,
            LATE,
            happened(OPENED + MINUTE, DURESS_ON_VISIT, by=WALT, event_id="duress"),
            TO_DURESS,
            happened(OPENED + 2 * MINUTE, resumed(2)),
        ],
    ),
    "what somebody wrote of it afterwards": (
        [*begun(), END, AFTERWARDS_WITHOUT],
        [*begun(), END, *signalled(26), AFTERWARDS],
    ),
}


@pytest.mark.parametrize(("ordinary", "duress"), PAIRS.values(), ids=PAIRS)
def test_the_worker_is_shown_the_same_bytes_under_duress_and_an_auditor_is_shown_the_duress(
    ordinary: list[Happened], duress: list[Happened]
) -> None:
    without, with_it = (answer(history_of(*entries)) for entries in (ordinary, duress))
    assert masked(json.dumps(with_it)) == masked(json.dumps(without))
    assert masked(timeline_text(with_it)) == masked(timeline_text(without))
    assert KEPT_FROM_THE_WORKER.isdisjoint(line["what"] for line in with_it["lines"])
    auditors = answer(history_of(*duress), by=None)
    assert DURESS_ON_VISIT.type in [line["what"] for line in auditors["lines"]]
    assert "used the duress PIN" in timeline_text(auditors, width=400)


@pytest.mark.parametrize(("ordinary", "duress"), PAIRS.values(), ids=PAIRS)
def test_no_word_of_what_is_kept_from_the_worker_stands_in_their_view(
    ordinary: list[Happened], duress: list[Happened]
) -> None:
    for entries in (ordinary, duress):
        told = json.dumps(answer(history_of(*entries))).lower()
        for word in (
            "duress",
            "escalation.",
            "task",
            "disclosure",
            "break",
            ESCALATION,
            "ada desk",
            "ladder",
            "bundle",
            "trouble",
        ):
            assert word not in told, word


def test_their_lines_are_counted_from_one_without_a_gap_and_everything_in_them_goes_by_that() -> None:
    told = answer(history_of(*begun(), *signalled(5), CHECKED_IN, END))
    happened_lines = [line for line in told["lines"] if line["kind"] == "happened"]
    assert [line["position"] for line in happened_lines] == [1, 2, 3, 4, 5]
    assert told["summary"]["through"] == 5
    [first, second] = [line for line in told["lines"] if line["what"] == "check_in"]
    assert (first["details"]["armed_by"], first["details"]["ended_by"]) == (3, 4)
    assert "(position 4)" in first["sentence"]
    assert (second["outcome"], second["details"]["ended_by"]) == ("withdrawn", 5)


def test_what_is_disclosed_goes_by_the_positions_of_the_log() -> None:
    history = history_of(*begun(), *signalled(5), CHECKED_IN)
    assert view(history, (), LATER, WALT).through == history[-1].position
    assert view(history[:-1], (), LATER, WALT).through == 3


def test_it_has_the_members_of_every_other_timeline() -> None:
    history = history_of(*begun(), CHECKED_IN)
    own, others = answer(history), answer(history, by=None)
    assert own.keys() == others.keys()
    assert own["summary"].keys() == others["summary"].keys()
    assert [line.keys() for line in own["lines"]] == [line.keys() for line in others["lines"]]
    assert own["summary"]["status"] == "started"


def test_they_see_what_is_awaited_of_them_and_no_escalation_that_a_miss_was_to_open() -> None:
    told = answer(history_of(*begun(), MISSED, *ESCALATED))
    assert [(line["what"], line["outcome"]) for line in told["lines"] if line["kind"] == "expected"] == [
        ("check_in", "missed")
    ]
    assert told["summary"]["escalations"] == []


def test_they_see_their_own_place_and_notes_and_nobody_elses() -> None:
    told = answer(history_of(*begun(), OWN_HELP, END, AFTERWARDS))
    noted = {line["what"]: line["details"] for line in told["lines"] if line["kind"] == "happened"}
    assert noted["visit.planned.v1"]["place"] == "12 Mill Lane"
    assert noted["visit.help_requested.v1"]["note"] == "12 Mill Lane"
    assert "note" not in noted["visit.reported.v1"]


def test_a_reminder_to_them_is_told_with_what_became_of_it() -> None:
    told = answer(history_of(*begun(), *reminded("bundle-1")))
    assert [line["what"] for line in told["lines"] if line["kind"] == "happened"][3:] == [
        "visit.reminder_due.v1",
        "notification.queued.v1",
        "notification.attempt_started.v1",
        "notification.attempt_accepted.v1",
    ]
    assert [line["outcome"] for line in told["lines"] if line["what"] == "notification"] == ["met"]


def test_a_reminder_to_somebody_else_is_not_theirs() -> None:
    history = history_of(*begun(), *reminded())
    assert not [line for line in answer(history, by=SUE)["lines"] if line["what"].startswith("notification.")]


def test_without_a_visit_they_see_what_they_signalled_themselves_and_no_duress() -> None:
    asked = WorkerHelpRequested(worker_id=WALT, site_id="north")
    mine = [happened(T0, asked, by=WALT), happened(T0 + MINUTE, REPORTED_WITHOUT_VISIT, by=WALT)]
    others = [
        happened(T0 + 2 * MINUTE, DURESS_WITHOUT_VISIT, by=WALT, event_id="duress"),
        happened(T0 + 2 * MINUTE, opened("duress", DURESS)),
        happened(T0 + 3 * MINUTE, asked, by=SUE),
        happened(T0 + 3 * MINUTE, REPORTED_WITHOUT_VISIT, by=SUE),
    ]
    without, with_it = (answer(history_of(*it, subject_id=WALT, visit_id=None)) for it in (mine, [*mine, *others]))
    assert masked(json.dumps(with_it)) == masked(json.dumps(without))
    assert [line["what"] for line in with_it["lines"]] == [asked.type, REPORTED_WITHOUT_VISIT.type]


def test_a_record_of_theirs_that_nobody_can_read_is_told_and_no_other() -> None:
    history = history_of(*begun(), *signalled(5), CHECKED_IN)
    lost = [
        Unreadable(100, "visit.check_in_recorded.v1"),
        Unreadable(101, "visit.duress_signalled.v1"),
        Unreadable(102, "visit.duress_signalled.v2"),
        Unreadable(103, "escalation.opened.v1"),
        Unreadable(104, "visit.help_requested.v1"),
        Unreadable(105, "visit.ended.v2"),
    ]
    assert view(history, lost, LATER, WALT).unreadable == (5, 6)
    assert view(history, lost, LATER, None).unreadable == (100, 101, 102, 103, 104, 105)


def test_how_long_something_took_is_not_said_so_that_only_instants_differ() -> None:
    for at in (DUE + SECOND, DUE + 2 * SECOND):
        history = history_of(*begun(), happened(at, checked_in(DUE, DUE + 30 * MINUTE), by=WALT))
        [first] = [line for line in answer(history)["lines"] if line["what"] == "check_in" and line["outcome"] == "met"]
        assert masked(first["sentence"]) == (
            b"Walt Moor was to check in by <instant> and 5 min of grace: checked in at <instant> (position 4)."
        )
