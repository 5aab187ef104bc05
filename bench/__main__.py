"""Run the benchmarks one after another: ``python -m bench``. Ends with 1 where something that is demanded does not hold."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvloop
from rich.console import Console

from bench.ground import NoDiskError
from bench.plan import LONG, NAMES, QUICK, run
from bench.results import LATEST, show, write
from deploy.database import ROOT
from deploy.local.postgres import PostgresError
from shared.runtime.collecting import collect_seldom
from shared.runtime.telemetry import configure_logging


def main() -> int:
    """Read the command line, run, keep and show what was found."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure Lonewatch against its limits and a peer.")
    parser.add_argument("--long", action="store_true", help="larger logs and more rounds: half an hour")
    parser.add_argument("--only", choices=NAMES, action="append", help="these alone; the kept results stay as they are")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "var" / "bench", help="on a disk; PostgreSQL's data go there"
    )
    given = parser.parse_args()
    console = Console()
    given.folder.mkdir(parents=True, exist_ok=True)
    with (given.folder / "lines.log").open("w", encoding="utf-8") as lines:
        said, sys.stderr = sys.stderr, lines  # a service writes a line for each command, and so do we: to a file
        try:
            configure_logging("bench", "1")
            collect_seldom()
            results = uvloop.run(run(given.folder, LONG if given.long else QUICK, given.only or NAMES, console.print))
        except (NoDiskError, PostgresError) as error:
            console.print(str(error))
            return 2
        finally:
            sys.stderr = said
    show(results, console)
    if not given.only:
        write(results, LATEST)
    return 1 if any(result.missed for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
