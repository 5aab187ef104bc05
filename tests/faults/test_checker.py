"""The checker passes a healthy log and finds whatever is spoilt: in the log, a client's journal, or a sink's file."""

from __future__ import annotations

import ast
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from tests.faults import checker
from tests.faults.checker import Evidence, Timing, Violation, judge, read, read_arrivals, read_journal
from tests.faults.checker.__main__ import main
from tests.faults.made_up import (
    HEALTHY,
    Fact,
    Story,
    again,
    changed,
    iso,
    minute,
    moved,
    sent,
    with_also,
    without,
    write,
)
from tests.support.journal import Journal
from tests.support.services import Database, cloned

if TYPE_CHECKING:
    from tests.faults.made_up import Connection

MISS_AND_STEP = ("miss", "opened-1", "step-1", "queued-s", "attempt-s", "entry-s", "accepted-s")


@pytest.fixture(scope="module")
def empty_log(template: str) -> Iterator[Database]:
    """A database with an empty log; tests write into it and roll back."""
    with asyncio.Runner() as runner:
        clone = cloned(template, "_checker")
        database = runner.run(clone.__aenter__())
        try:
            yield database
        finally:
            runner.run(clone.__aexit__(None, None, None))


@pytest_asyncio.fixture
async def connection(empty_log: Database) -> AsyncIterator[Connection]:
    """A superuser's connection whose changes are gone after the test."""
    opened = await asyncpg.connect(empty_log.admin, ssl=False)
    transaction = opened.transaction()
    await transaction.start()
    try:
        yield opened
    finally:
        await transaction.rollback()
        await opened.close()


def line(operation: str, key: str, minutes: float = 100, status: int | None = 200, **more: Any) -> dict[str, Any]:
    """Return a line of a client's journal."""
    return {
        "operation": operation,
        "source": "http:w1",
        "id": key,
        "visit_id": "v1",
        "sent_at": iso(minutes),
        "answered_at": None if status is None else iso(minutes + 0.01),
        "status": status,
        "answer": None if status is None else {},
        **more,
    }


def arrival(message_id: str, minutes: float, outcome: str = "accepted", channel: str = "webhook") -> dict[str, Any]:
    """Return a line of a sink."""
    return {"at": iso(minutes), "channel": channel, "to": "/anna", "message_id": message_id, "outcome": outcome}


JOURNAL = (
    line("start_visit", "start-v1", 1.99),
    line("check_in", "in-1", 61.49, None),
    line("check_in", "in-1", 62, answer={"position": 9}),
    line("check_in", "in-2", 127.99),
    line("check_in", "lost", 130, None),
    line("check_in", "in-2", 131, 409, answer={"code": "other_content"}),
    line("end_visit", "end-too-early", 1, 409, answer={"code": "not_started"}),
)
"""A journal that agrees with the healthy log: one id was sent twice, one never came through."""

ARRIVALS = (
    arrival("<v1.r1.m@lonewatch.test>", 61.02, channel="mail"),
    arrival("v1.1.1.m", 126.66),
    arrival("v1.1.2.m", 140.03),
)
"""What the sinks have of the healthy log."""


def lines_of(path: Path, lines: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    return path


async def verdict(
    connection: Connection,
    folder: Path,
    story: Story = HEALTHY,
    *,
    spoil: str = "SELECT 1",
    journal: Sequence[dict[str, Any]] = JOURNAL,
    arrivals: Sequence[dict[str, Any]] | None = None,
    timing: Timing | None = None,
    now: float = 180,
) -> list[Violation]:
    """Write a story, spoil the log by SQL, and return what the checker says of it."""
    await write(connection, story)
    await connection.execute(spoil)
    return judge(
        Evidence(
            replace(await read(connection), now=minute(now)),
            timing or Timing(),
            read_journal(lines_of(folder / "journal", journal)),
            None if arrivals is None else read_arrivals(lines_of(folder / "sink", arrivals)),
        )
    )


async def test_a_healthy_log_passes(connection: Connection, tmp_path: Path) -> None:
    assert await verdict(connection, tmp_path, arrivals=ARRIVALS) == []


CLEAR = ("queued-c", "attempt-c", "entry-c", "accepted-c")
CHECK_IN_BEFORE = sent("in-x", 126, "visit-v1", "check_in_recorded", met_due_at=iso(121.5), due_at=iso(186))
CHECK_IN_AFTER = sent("in-y", 127, "visit-v1", "check_in_recorded", met_due_at=iso(121.5), due_at=iso(187))

STORIES: dict[str, tuple[Story, set[str], str]] = {
    "an id brings a second event": (with_also(again("in-2", "in-2b", 128.5)), {"I1"}, "did not bring"),
    "an event id is used twice": (changed("entry-c", name="entry-s"), {"I2"}, "2 events have one event id"),
    "recorded_at goes back": (changed("entry-c", minutes=130), {"I14"}, "before that of the event before"),
    "a cause is not in the log": (changed("queued-c", cause="nothing"), {"I3"}, "cause is not in the log"),
    "a trigger raises nothing": (without("joined"), {"I3"}, "opened or joined no escalation"),
    "a trigger raises two escalations": (
        with_also(again("joined", "joined-again")),
        {"I3"},
        "raised 2 escalations",
    ),
    "an escalation is of another visit": (changed("joined", visit_id="v2"), {"I3"}, "of another visit"),
    "an escalation has no trigger": (
        with_also(again("joined", "joined-again", trigger_event_id="in-1")),
        {"I3"},
        "trigger is not in the log",
    ),
    "an ask is never queued": (without(*CLEAR), {"I3"}, "v1.1.2 was asked for and never queued"),
    "a reminder is never queued": (
        without("queued-r", "attempt-r", "entry-r", "accepted-r"),
        {"I3"},
        "v1.r1 was asked for and never queued",
    ),
    "an ask is queued twice": (with_also(again("queued-c", "queued-d")), {"I3"}, "v1.1.2 is queued 2 times"),
    "a notification is queued that nobody asked for": (
        changed("resolve", data={"escalation_id": "v1.1", "asks": []}),
        {"I3"},
        "v1.1.2 is queued, and nobody asked",
    ),
    "a notification is queued for somebody else": (
        changed("queued-c", data={**again("queued-c", "").data, "recipient_id": "ben"}),
        {"I3"},
        "for another person",
    ),
    "one ask is made twice": (
        with_also(again("step-1", "step-2", 127)),
        {"I3"},
        "v1.1.1 is asked for twice",
    ),
    "a watch is not resumed": (without("resumed-1"), {"I3", "I4", "I16"}, "not resumed after escalation v1.1"),
    "a watch is resumed twice": (with_also(again("resumed-1", "resumed")), {"I3"}, "resumed 2 times"),
    "a watch is resumed without a cause": (
        with_also(again("resumed-1", "resumed", 145, escalation_id="v1.9")),
        {"I3"},
        "resumed before escalation v1.9",
    ),
    "a watch is resumed that no miss had stopped": (
        with_also(again("resumed-1", "resumed-2", 155.01, escalation_id="v1.2", due_at=iso(200))),
        {"I3"},
        "after v1.2, and none had stopped",
    ),
    "a miss is early": (moved(-0.2, *MISS_AND_STEP), {"I4"}, "before its deadline"),
    "a miss is late": (moved(0.5, *MISS_AND_STEP), {"I4"}, "too late"),
    "an escalation is late after a miss": (moved(0.5, *MISS_AND_STEP[1:]), {"I4", "I16"}, "later than 10 s"),
    "an escalation is late after a call for help": (moved(0.5, "joined"), {"I17"}, "later than 10 s"),
    "a check-in in time is in the log before its miss": (with_also(CHECK_IN_BEFORE), {"I4"}, "was not awaited"),
    "a check-in meets what was missed": (with_also(CHECK_IN_AFTER), {"I4"}, "meets a time at which none"),
    "a check-in is missed twice": (with_also(again("miss", "miss-2")), {"I3", "I4"}, "is missed 2 times"),
    "a miss names another deadline": (
        changed("miss", data={"due_at": iso(121.5), "missed_at": iso(120)}),
        {"I4"},
        "names another deadline",
    ),
    "somebody is called after the acknowledgement": (
        with_also(again("attempt-s", "attempt-t", 130)),
        {"I6"},
        "although somebody has acknowledged",
    ),
    "an attempt is of nothing queued": (
        with_also(again("attempt-s", "attempt-t", 130, notification_id="v1.9.9")),
        {"I6"},
        "was not queued",
    ),
    "a missed visit is watched by nobody": (
        without("opened-1", "step-1", "queued-s", "attempt-s", "entry-s", "accepted-s"),
        {"I3", "I16"},
        "unwatched for longer than 10 s",
    ),
}


@pytest.mark.parametrize(("story", "invariants", "sentence"), STORIES.values(), ids=STORIES.keys())
async def test_a_spoilt_story_is_found(
    connection: Connection, tmp_path: Path, story: Story, invariants: set[str], sentence: str
) -> None:
    found = await verdict(connection, tmp_path, story, journal=())
    assert {violation.invariant for violation in found} == invariants
    assert any(sentence in violation.sentence for violation in found), found


ROWS = {
    "an event is deleted": ("DELETE FROM log.event WHERE event_id = 'entry-r'", "I2", "is followed by"),
    "the last event is deleted": ("DELETE FROM log.event WHERE event_id = 'start-v2'", "I2", "head at"),
    "an event is renumbered": ("UPDATE log.event SET position = 900 WHERE event_id = 'end'", "I2", "is followed by"),
    "a version is skipped": ("UPDATE log.event SET version = 99 WHERE event_id = 'end'", "I2", "version 99 where"),
    "a column is edited": ("UPDATE log.event SET actor = 'eve' WHERE event_id = 'ack'", "I2", "column actor"),
    "an instant is edited": (
        "UPDATE log.event SET occurred_at = occurred_at + '1 s' WHERE event_id = 'ack'",
        "I2",
        "column occurred_at",
    ),
    "a record is edited": (
        """UPDATE log.event SET record = convert_to(replace(convert_from(record, 'UTF8'), 's1', 's2'), 'UTF8')
        WHERE event_id = 'ack'""",
        "I2",
        "column site_id",
    ),
    "a record is no JSON": ("UPDATE log.event SET record = '\\x00' WHERE event_id = 'entry-r'", "I2", "cannot be read"),
    "a shard is wrong": ("UPDATE log.event SET shard = 63 - shard WHERE event_id = 'ack'", "I2", "the shard"),
    "a topic is wrong": ("UPDATE log.event SET topic = 'lonewatch.audit.v1' WHERE event_id = 'ack'", "I2", "the topic"),
    "the incarnation is another": ("UPDATE log.head SET incarnation = gen_random_uuid()", "I2", "another incarnation"),
    "the head's time is another": ("UPDATE log.head SET recorded_at = 'infinity'", "I14", "of the head"),
    "an id is in the log twice": (
        """ALTER TABLE log.command DROP CONSTRAINT command_pkey;
        INSERT INTO log.command SELECT * FROM log.command WHERE id = 'in-1'""",
        "I1",
        "in log.command 2 times",
    ),
    "an id has half a place": (
        "UPDATE log.command SET last_position = NULL WHERE id = 'end'",
        "I1",
        "one position of two",
    ),
    "an id's place is backwards": (
        "UPDATE log.command SET first_position = 900 WHERE id = 'end'",
        "I1",
        "in the wrong order",
    ),
    "a log has no head": ("DELETE FROM log.head", "I2", "0 heads"),
    "an id points nowhere": ("UPDATE log.command SET last_position = 900 WHERE id = 'end'", "I1", "where no event is"),
    "an id points to another's event": (
        "UPDATE log.command SET id = 'x' WHERE id = 'end'",
        "I1",
        "another correlation",
    ),
    "an id points to an event of somebody else": (
        "UPDATE log.command SET source = 'http:eve' WHERE id = 'end'",
        "I1",
        "another actor",
    ),
    "two ids point to one event": (
        "UPDATE log.command SET (first_position, last_position) = (3, 3) WHERE id = 'end'",
        "I1",
        "two ids point",
    ),
    "a visit under way has no deadline": (
        "DELETE FROM log.deadline WHERE stream_id = 'visit-v2'",
        "I16",
        "no deadline is armed",
    ),
    "the deadline of a visit is moved": (
        "UPDATE log.deadline SET due_at = due_at + '1 s' WHERE stream_id = 'visit-v2'",
        "I16",
        "no deadline is armed",
    ),
    "an open escalation has no deadline": (
        "DELETE FROM log.deadline WHERE stream_id = 'escalation-v3'",
        "I16",
        "nothing falls due",
    ),
}


@pytest.mark.parametrize(("spoil", "invariant", "sentence"), ROWS.values(), ids=ROWS.keys())
async def test_a_spoilt_row_is_found(
    connection: Connection, tmp_path: Path, spoil: str, invariant: str, sentence: str
) -> None:
    found = await verdict(connection, tmp_path, spoil=spoil, journal=())
    assert any(violation.invariant == invariant and sentence in violation.sentence for violation in found), found


TWICE = with_also(replace(again("in-2", "in-2b", 128.5), key="lost"), replace(again("in-2", "lost", 128.6), key="lost"))

JOURNALS: dict[str, tuple[Story, dict[str, Any], str, str]] = {
    "an accepted id is missing": (HEALTHY, line("check_in", "gone", 130), "I1", "answered as known is not in the log"),
    "an unknown id took effect twice": (TWICE, line("check_in", "lost", 128.4, None), "I1", "did not bring it"),
    "a refused id took effect": (HEALTHY, line("end_visit", "end", 169.9, 409), "I1", "only ever refused"),
    "other content under a known id took effect": (
        with_also(again("in-2", "in-2b", 128.5)),
        line("check_in", "in-2", 128.4, 409, answer={"code": "other_content"}),
        "I1",
        "did not bring it",
    ),
    "the answer names another position": (
        HEALTHY,
        line("check_in", "in-1", 61.4, answer={"position": 3}),
        "I1",
        "answered position 3, not",
    ),
    "an accepted check-in left something else": (HEALTHY, line("check_in", "end", 169.9), "I1", "left no such event"),
    "a check-in changed another visit": (
        HEALTHY,
        line("check_in", "in-1", 61.4, visit_id="v2"),
        "I1",
        "changed another",
    ),
    "a check-in sent after its deadline counted as in time": (
        HEALTHY,
        line("check_in", "in-1", 68),
        "I4",
        "sent after the deadline and counted",
    ),
    "a check-in answered in time was missed": (
        HEALTHY,
        line("check_in", "in-2", 120),
        "I4",
        "missed although check_in",
    ),
}


@pytest.mark.parametrize(("story", "noted", "invariant", "sentence"), JOURNALS.values(), ids=JOURNALS.keys())
async def test_what_contradicts_a_journal_is_found(
    connection: Connection, tmp_path: Path, story: Story, noted: dict[str, Any], invariant: str, sentence: str
) -> None:
    found = await verdict(connection, tmp_path, story, journal=[noted])
    assert {violation.invariant for violation in found} == {invariant}
    assert any(sentence in violation.sentence for violation in found), found


SINKS = {
    "a call has no attempt": ([*ARRIVALS, arrival("v9.m", 141)], {"I6"}, "0 attempts are recorded"),
    "a message is called more often than attempted": (
        [*ARRIVALS, arrival("v1.1.1.m", 127, "refused")],
        {"I6"},
        "call 2 arrived, and 1 attempts",
    ),
    "a call comes before its attempt": (
        [*ARRIVALS[:2], arrival("v1.1.2.m", 140.01)],
        {"I6"},
        "before its attempt was recorded",
    ),
    "an accepted message never arrived": (ARRIVALS[:2], {"I3"}, "the sinks took 0"),
    "an accepted message was refused": (
        [*ARRIVALS[:2], arrival("v1.1.2.m", 140.03, "refused")],
        {"I3"},
        "the sinks took 0",
    ),
}


@pytest.mark.parametrize(("arrivals", "invariants", "sentence"), SINKS.values(), ids=SINKS.keys())
async def test_what_contradicts_a_sink_is_found(
    connection: Connection, tmp_path: Path, arrivals: list[dict[str, Any]], invariants: set[str], sentence: str
) -> None:
    found = await verdict(connection, tmp_path, arrivals=arrivals)
    assert {violation.invariant for violation in found} == invariants
    assert any(sentence in violation.sentence for violation in found), found


async def test_a_visit_that_nobody_watches_any_more_is_found(connection: Connection, tmp_path: Path) -> None:
    story = HEALTHY[: [fact.name for fact in HEALTHY].index("resolve") + 1]
    found = await verdict(connection, tmp_path, story, journal=(), now=141)
    assert ("I16", "the visit is unwatched since then") in {(one.invariant, one.sentence) for one in found}


async def test_a_deadline_that_passed_with_nothing_is_found(connection: Connection, tmp_path: Path) -> None:
    found = await verdict(connection, tmp_path, now=236.5)
    assert [(violation.invariant, violation.where.partition(",")[0]) for violation in found] == [("I4", "visit-v3")]


async def test_a_check_in_long_after_the_deadline_does_not_stand_for_a_miss(
    connection: Connection, tmp_path: Path
) -> None:
    late = sent("in-z", 241, "visit-v2", "check_in_recorded", met_due_at=iso(235), due_at=iso(301))
    story = with_also(late, sent("end-3", 200, "visit-v3", "ended"))
    spoil = "UPDATE log.deadline SET due_at = due_at + '66 minutes' WHERE stream_id = 'visit-v2'"
    found = await verdict(connection, tmp_path, story, now=242, spoil=spoil)
    assert [violation.sentence for violation in found] == ["a check-in came long after the deadline, and no miss"]


async def test_a_miss_may_wait_for_the_end_of_an_outage(connection: Connection, tmp_path: Path) -> None:
    down = Timing(outages=((minute(126.4), minute(126.95)),))
    assert await verdict(connection, tmp_path, moved(0.5, *MISS_AND_STEP), timing=down) == []


async def test_where_the_clock_was_moved_no_lateness_is_judged(connection: Connection, tmp_path: Path) -> None:
    moved_clock = Timing(clock_moved=True)
    assert await verdict(connection, tmp_path, moved(0.5, *MISS_AND_STEP), timing=moved_clock) == []


async def test_an_effect_that_may_still_come_is_not_missed(connection: Connection, tmp_path: Path) -> None:
    place = [fact.name for fact in HEALTHY].index("help-2")
    story = HEALTHY[: place + 1]
    spoil = "INSERT INTO log.deadline VALUES ('escalation-v1', 'step', '', 'made-up', 'infinity'),"
    spoil += f"('visit-v1', 'check_in_missed', '', 'made-up', '{iso(205)}')"
    assert await verdict(connection, tmp_path, story, journal=(), spoil=spoil, now=151.1) == []


def test_outages_that_follow_one_another_are_waited_for_together() -> None:
    timing = Timing(outages=((minute(1), minute(2)), (minute(2.1), minute(3)), (minute(9), minute(10))))
    assert timing.latest(minute(0)) == minute(0) + checker.SETTLE
    assert timing.latest(minute(1)) == minute(3) + checker.SETTLE


def test_the_command_prints_what_is_wrong_and_fails(
    template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outages = lines_of(tmp_path / "outages", [{"from": iso(0), "to": iso(1)}])
    journal = lines_of(tmp_path / "journal", JOURNAL)
    sink = lines_of(tmp_path / "sink", ARRIVALS)
    with asyncio.Runner() as runner:
        clone = cloned(template, "_checker_command")
        database = runner.run(clone.__aenter__())
        try:
            runner.run(execute(database, [*HEALTHY, *ENDS]))
            arguments = ["--dsn", database.admin, "--journal", str(journal), "--outages", str(outages), "--settle", "5"]
            assert main([*arguments, "--sinks", str(sink)]) == 0
            assert capsys.readouterr().out == ""
            runner.run(execute(database, (), "UPDATE log.event SET actor = 'eve' WHERE event_id = 'ack'"))
            assert main([*arguments, "--clock-moved"]) == 1
            assert (
                "I2  position 18 (escalation.acknowledged.v1 of escalation-v1): column actor" in capsys.readouterr().out
            )
        finally:
            runner.run(clone.__aexit__(None, None, None))


ENDS = (
    sent("end-2", 180, "visit-v2", "ended"),
    sent("end-3", 180, "visit-v3", "ended"),
)
"""So that nothing falls due between the story and today."""


async def execute(database: Database, story: Sequence[Fact], statement: str = "SELECT 1") -> None:
    connection = await asyncpg.connect(database.admin, ssl=False)
    try:
        if story:
            await write(connection, story)
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_journal_notes_what_was_answered_and_what_was_not(tmp_path: Path) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        match request.headers["Idempotency-Key"]:
            case "taken":
                return httpx2.Response(200, json={"position": 7})
            case "refused":
                return httpx2.Response(409, json={"code": "visit_ended"})
            case "strange":
                return httpx2.Response(502, text="no JSON")
            case _:
                raise httpx2.ReadTimeout("nothing came", request=request)

    path = tmp_path / "journal"
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://lonewatch.test") as client:
        journal = Journal(client, "w1", path)
        for key in ("taken", "refused", "strange", "lost"):
            await journal.send("check_in", "/checkin/visits/v1/check-ins", key=key, visit_id="v1")
    noted = read_journal(path)
    assert [(one.id, one.status, one.answer) for one in noted] == [
        ("taken", 200, {"position": 7}),
        ("refused", 409, {"code": "visit_ended"}),
        ("strange", 502, {}),
        ("lost", None, {}),
    ]
    assert [one.answered_at is None for one in noted] == [False, False, False, True]
    assert {(one.source, one.visit_id, one.operation) for one in noted} == {("http:w1", "v1", "check_in")}


def test_the_sinks_own_files_are_understood(tmp_path: Path) -> None:
    mail = {"at": iso(1), "channel": "mail", "message_id": "<v1.1.m@x.test>", "behaviour": "accept"}
    webhook = {"at": iso(1), "channel": "webhook", "headers": {"webhook-id": "v1.2.m"}, "behaviour": "hang"}
    unsigned = webhook | {"headers": {}}
    found = read_arrivals(lines_of(tmp_path / "sink", [mail, webhook, unsigned]))
    assert [(one.message_id, one.outcome) for one in found] == [
        ("v1.1.m", "accepted"),
        ("v1.2.m", "hang"),
        ("", "hang"),
    ]


async def test_a_call_after_the_log_was_read_is_not_judged_yet(connection: Connection, tmp_path: Path) -> None:
    assert await verdict(connection, tmp_path, arrivals=[*ARRIVALS, arrival("v9.m", 180.1)]) == []


def test_a_file_that_is_not_as_agreed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sink"
    path.write_text("\nnot JSON\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2 of sink is no JSON"):
        read_arrivals(path)
    lines_of(path, [arrival("m", 1) | {"at": "2026-03-02T09:00:00"}])
    with pytest.raises(ValueError, match="has no zone"):
        read_arrivals(path)


def test_the_checker_imports_nothing_of_what_it_judges() -> None:
    imported = set()
    for file in Path(checker.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    foreign = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("tests.faults.checker")} == {"asyncpg"}
