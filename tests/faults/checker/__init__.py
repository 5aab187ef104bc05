"""Judge a log from outside: what must never break, checked by code that imports nothing of ours.

Reads the log by SQL, the clients' journals, the sinks' own files and the heartbeats; writes nothing. Knows the wire, and folds it itself.
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from tests.faults.checker.arrivals import judge_arrivals
from tests.faults.checker.calls import judge_calls
from tests.faults.checker.ceiling import judge_ceiling
from tests.faults.checker.commands import judge_commands
from tests.faults.checker.effects import judge_effects
from tests.faults.checker.episodes import judge_episodes
from tests.faults.checker.evidence import Evidence, Timing
from tests.faults.checker.files import read_arrivals, read_heartbeats, read_journal, read_outages
from tests.faults.checker.help import judge_help
from tests.faults.checker.history import Log, Violation
from tests.faults.checker.knowing import judge_knowing
from tests.faults.checker.ladders import judge_ladders
from tests.faults.checker.order import judge_order
from tests.faults.checker.parked import judge_parked
from tests.faults.checker.raised import judge_raised
from tests.faults.checker.rows import read, read_log
from tests.faults.checker.tasks import judge_tasks
from tests.faults.checker.visits import judge_visits
from tests.faults.checker.watch import judge_watch

__all__ = [
    "SETTLE",
    "Evidence",
    "Log",
    "Timing",
    "Violation",
    "check",
    "judge",
    "read",
    "read_arrivals",
    "read_heartbeats",
    "read_journal",
    "read_log",
    "read_outages",
]

SETTLE = timedelta(seconds=10)
"""How old a cause may be without its effect: what the design allows an escalation after its trigger."""


def judge(evidence: Evidence) -> list[Violation]:
    """Return everything in the evidence that must never be, in the order of the invariants."""
    judges = (
        judge_commands,
        judge_order,
        judge_effects,
        judge_raised,
        judge_visits,
        judge_episodes,
        judge_tasks,
        judge_calls,
        judge_arrivals,
        judge_ladders,
        judge_ceiling,
        judge_knowing,
        judge_parked,
        judge_watch,
        judge_help,
    )
    return [violation for one in judges for violation in one(evidence)]


async def check(
    dsn: str,
    *,
    journals: Iterable[Path] = (),
    sinks: Iterable[Path] | None = None,
    outages: Path | None = None,
    heartbeats: Path | None = None,
    settle: timedelta = SETTLE,
    clock_moved: bool = False,
) -> list[Violation]:
    """Read all evidence and judge it. Without ``sinks`` (None) nothing is said about what arrived.

    ``heartbeats`` is the file of whatever takes the outside heartbeat; without it none is judged.

    ``clock_moved`` says that a test moved the log's time: then nothing of the log is compared with anybody else's time,
    and no lateness is judged unless ``outages`` name what the log's time skipped.
    """
    timing = Timing(() if outages is None else read_outages(outages), clock_moved=clock_moved, settle=settle)
    lines = tuple(line for path in journals for line in read_journal(path))
    log = await read_log(dsn)  # after what was answered, before what arrived: so neither can be ahead of its cause
    arrivals = None if sinks is None else tuple(found for path in sinks for found in read_arrivals(path))
    beats = None if heartbeats is None else read_heartbeats(heartbeats)
    return judge(Evidence(log, timing, lines, arrivals, beats))
