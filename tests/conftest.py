"""What every test run has in common: a time budget per directory, and settings of Hypothesis.

No fixtures: those stand in the directory that uses them, or in tests/support, whose own are loaded from here.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

import pytest
from hypothesis import settings

from tests.support.campaign import PROVING

pytest_plugins = ("tests.support.fixtures", "tests.support.kafka")

BUDGETS: Mapping[str, timedelta] = MappingProxyType(
    {
        "unit": timedelta(seconds=42),
        "architecture": timedelta(seconds=13),
        "store": timedelta(seconds=115),
        "integration": timedelta(seconds=760),
        "system": timedelta(seconds=440),
        "faults": timedelta(seconds=430),
    },
)
"""How long the tests of a directory may take, added up. `make test` runs two at a time, so that together they stay within
its 15 minutes; whoever needs more in one directory takes it from another."""

settings.register_profile("lonewatch", deadline=None)  # a busy machine is no counterexample; the budgets watch the time
settings.load_profile("lonewatch")


def over_budget(spent: Mapping[str, timedelta]) -> list[str]:
    """Return a sentence for each directory that took longer than its budget."""
    return [
        f"tests/{directory} took {took.total_seconds():.1f} s of {BUDGETS[directory].total_seconds():.0f} s"
        for directory, took in sorted(spent.items())
        if directory in BUDGETS and took > BUDGETS[directory]
    ]


class Budgets:
    """Adds up what each directory takes, fixtures included, and fails the run that took too long."""

    def __init__(self) -> None:
        self.spent: dict[str, timedelta] = defaultdict(timedelta)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase (setup, call, teardown) of one test."""
        _, _, below = report.nodeid.partition("tests/")
        self.spent[below.partition("/")[0]] += timedelta(seconds=report.duration)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Turn a green run that took too long into a failed one."""
        if exitstatus == pytest.ExitCode.OK and over_budget(self.spent):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what each directory took, and which took too long."""
        took = ", ".join(
            f"{name} {spent.total_seconds():.0f}" for name, spent in sorted(self.spent.items()) if name in BUDGETS
        )
        terminalreporter.write_line(f"seconds, added up: {took}")
        late = over_budget(self.spent)
        if late:
            terminalreporter.section("over budget (tests/conftest.py)", red=True)
            for sentence in late:
                terminalreporter.write_line(sentence)


def pytest_configure(config: pytest.Config) -> None:
    """Watch the time of every run but a campaign, which may take what it takes."""
    if not PROVING:
        config.pluginmanager.register(Budgets(), "lonewatch-budgets")
