"""The checker stands outside: its command, the files that it reads, and what it imports."""

from __future__ import annotations

import ast
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import httpx2
import pytest

from tests.faults import checker
from tests.faults.checker import Timing, read_arrivals, read_journal
from tests.faults.checker.__main__ import main
from tests.faults.judging.verdict import ARRIVALS, JOURNAL, arrival, lines_of
from tests.faults.made_up import HEALTHY, Fact, iso, minute, sent
from tests.faults.made_up_log import write
from tests.support.journal import Journal
from tests.support.services import Database, cloned


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
            beats = lines_of(tmp_path / "beats", [{"at": iso(0.5)}, {"at": iso(1.5)}])
            arguments = [
                "--heartbeats",
                str(beats),
                "--dsn",
                database.admin,
                "--journal",
                str(journal),
                "--outages",
                str(outages),
                "--settle",
                "5",
            ]
            assert main([*arguments, "--sinks", str(sink)]) == 0
            assert capsys.readouterr().out == ""
            lines_of(beats, [{"at": iso(0.5)}])
            assert main([*arguments, "--sinks", str(sink)]) == 1
            assert capsys.readouterr().out.startswith("I13  from 2026-03-02T09:01:00+00:00: no heartbeat came after")
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
    sent("false-3", 180, "escalation-v3", "stood_down", "anna", escalation_id="v3.1", asks=[]),
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
                return httpx2.Response(200, json={"position": 7, "watch": {"impaired": True, "ring": "Ring."}})
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
        ("taken", 200, {"position": 7, "watch": {"impaired": True, "ring": "Ring."}}),
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
    bundle = {"at": iso(1), "channel": "webhook", "headers": {"webhook-id": "bundle-1"}, "behaviour": "accept"}
    of_two = bundle | {"body": {"data": {"notifications": [{"notification_id": "n1"}, {"notification_id": "n2"}]}}}
    of_one = webhook | {"body": {"data": {"notification_id": "n3"}}}
    said = mail | {"notification_ids": ["n4"]}
    carried = read_arrivals(lines_of(tmp_path / "sink", [mail, of_two, of_one, said, bundle | {"body": "no JSON"}]))
    assert [one.notification_ids for one in carried] == [(), ("n1", "n2"), ("n3",), ("n4",), ()]
    found = read_arrivals(lines_of(tmp_path / "sink", [mail, webhook, unsigned]))
    assert [(one.message_id, one.outcome) for one in found] == [
        ("v1.1.m", "accepted"),
        ("v1.2.m", "hang"),
        ("", "hang"),
    ]


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
