"""Whoever is paused in the middle of something holds nobody up for more than five seconds."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import asyncpg

from shared.runtime.log import Append
from shared.runtime.records import compose
from shared.runtime.sequencer import APPEND, _arguments
from tests.store.appending import BY, RELEASE, T0, Writer, to
from tests.store.writer import process
from tests.support.services import Database
from tests.support.waiting import until

WITHIN = 5.0
"""Seconds that others may be held up: the design's bound, and half of what a missed check-in may wait."""

PAUSES = 10
"""How often the process is stopped: each time somewhere else in what it does."""

FURTHER = "SELECT position > $1 FROM log.head"
HEAD = "SELECT position FROM log.head"


async def test_a_process_stopped_in_the_middle_of_appending_holds_nobody_up(
    database: Database, checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with process(database.dsn("checkin"), "paused", 50_000) as paused:
        for number in range(PAUSES):
            position = await admin.fetchval(HEAD)
            await until(partial(admin.fetchval, FURTHER, position))
            os.kill(paused.pid, signal.SIGSTOP)
            began = time.monotonic()
            outcome = await checkin.append(to("worker-a", number))
            os.kill(paused.pid, signal.SIGCONT)
            assert outcome.first
            assert time.monotonic() - began < WITHIN
        assert paused.returncode is None, "it was done before it could be stopped"


async def test_a_session_that_keeps_the_log_in_a_transaction_is_ended_and_leaves_nothing(
    database: Database, checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    holder = await asyncpg.connect(database.dsn("checkin"))
    await holder.execute("BEGIN")
    held = compose(Append([to("worker-held")], BY, T0), RELEASE)
    (row,) = await holder.fetch(APPEND, *_arguments([held]))
    assert row["outcome"] == "appended"
    began = time.monotonic()
    outcome = await checkin.append(to("worker-a"))
    assert time.monotonic() - began < WITHIN
    assert outcome.first_position == 1
    assert await admin.fetchval("SELECT count(*) FROM log.event WHERE stream_id = 'worker-held'") == 0
    await until(lambda: _closed(holder))


async def _closed(connection: asyncpg.Connection[asyncpg.Record]) -> bool:
    return connection.is_closed()
