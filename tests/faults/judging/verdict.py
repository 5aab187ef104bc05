"""What the tests of this folder have in common: a journal, sinks' files, and the verdict on a story. Judges nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.checker import (
    Evidence,
    Timing,
    Violation,
    judge,
    read,
    read_arrivals,
    read_heartbeats,
    read_journal,
)
from tests.faults.made_up import HEALTHY, Story, iso, minute
from tests.faults.made_up_log import write

if TYPE_CHECKING:
    from tests.faults.made_up_log import Connection

MISS_AND_STEP = ("miss", "opened-1", "step-1", "queued-s", "attempt-s", "entry-s", "accepted-s")


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
    """Write a file of JSON lines, and return it."""
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
    heartbeats: Sequence[float] | None = None,
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
            None
            if heartbeats is None
            else read_heartbeats(lines_of(folder / "beats", [{"at": iso(at)} for at in heartbeats])),
        )
    )


def saying_why(story: Story, late: str = "nobody_looked_in_time") -> Story:
    """Return a story whose miss says why it is recorded late."""
    return tuple(replace(fact, data={**fact.data, "late": late}) if fact.name == "miss" else fact for fact in story)
