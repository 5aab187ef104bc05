"""The peer's side: the ``eventsourcing`` library on the same PostgreSQL, in a Python of its own, where it is installed.

``python peer_client.py < settings.json``: appends by threads, each an event of its own at a time as the library is used, while
a tail follows the notifications. Prints one JSON object. Imports nothing of ours: it must run without it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any
from uuid import uuid4

from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from eventsourcing.postgres import PostgresFactory
from eventsourcing.utils import Environment

PAGE = 500
"""Notifications of one look of the tail."""


def append(recorder: ApplicationRecorder, each: int, state: bytes) -> None:
    """Append events one at a time, ten to a stream."""
    for number in range(each):
        if number % 10 == 0:
            stream = uuid4()
        recorder.insert_events([StoredEvent(stream, number % 10, "visit.check_in_recorded.v1", state)])


def follow(recorder: ApplicationRecorder, done: threading.Event, seen: list[int]) -> None:
    """Follow the log from its beginning by the last id seen, as the library's own readers do, until all is written."""
    last = 0
    while True:
        ended = done.is_set()
        page = recorder.select_notifications(start=last + 1, limit=PAGE)
        seen.extend(one.id for one in page)
        if page:
            last = page[-1].id
        elif ended:
            return


def measure(settings: dict[str, Any]) -> dict[str, Any]:
    """Return events a second, and how many of them the tail never saw."""
    environment = Environment("Bench", settings["environment"])
    with PostgresFactory(environment) as factory:
        recorder = factory.application_recorder()
        state, each, threads = b"x" * settings["bytes"], settings["each"], settings["threads"]
        done, seen = threading.Event(), list[int]()
        tail = threading.Thread(target=follow, args=(recorder, done, seen))
        if settings["follow"]:
            tail.start()
        writers = [threading.Thread(target=append, args=(recorder, each, state)) for _ in range(threads)]
        began = time.perf_counter()
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        took = time.perf_counter() - began
        done.set()
        if settings["follow"]:
            tail.join()
        lost = each * threads - len(set(seen)) if settings["follow"] else 0
        return {"rate": each * threads / took, "lost": lost, "appended": each * threads}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(json.load(sys.stdin))) + "\n")
