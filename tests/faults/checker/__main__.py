"""Judge a log from the command line: ``python -m tests.faults.checker --dsn …``. Exit code 1 where anything is wrong."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tests.faults.checker import SETTLE, check


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, judge, print a line per violation; return 1 where there is one."""
    parser = argparse.ArgumentParser(
        prog="checker", description="Judge a log, clients' journals and sinks from outside."
    )
    parser.add_argument("--dsn", required=True, help="address of the log's database, by any role that may read it")
    parser.add_argument("--journal", type=Path, action="append", default=[], help="a client's journal; may be repeated")
    parser.add_argument("--sinks", type=Path, nargs="+", help="the sinks' own files; without, arrivals are not judged")
    parser.add_argument("--outages", type=Path, help="when PostgreSQL or all replicas of a service were down")
    parser.add_argument("--heartbeats", type=Path, help="the file of whatever takes the outside heartbeat")
    parser.add_argument(
        "--settle", type=float, default=SETTLE.total_seconds(), help="seconds until effects must be there"
    )
    parser.add_argument("--clock-moved", action="store_true", help="the log's time is not everybody's")
    given = parser.parse_args(arguments)
    violations = asyncio.run(
        check(
            given.dsn,
            journals=given.journal,
            sinks=given.sinks,
            outages=given.outages,
            heartbeats=given.heartbeats,
            settle=timedelta(seconds=given.settle),
            clock_moved=given.clock_moved,
        )
    )
    for violation in violations:
        sys.stdout.write(f"{violation.invariant}  {violation.where}: {violation.sentence}\n")
    return 1 if violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
