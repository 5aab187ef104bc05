"""The fixtures of tests that run a whole Lonewatch. A module has one installation; each of its tests a site of its own."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.support.live import Live, lonewatch
from tests.support.live_world import LiveWorld


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live() -> AsyncIterator[Live]:
    """A whole installation for the tests of one module."""
    async with lonewatch() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def world(live: Live) -> AsyncIterator[LiveWorld]:
    """A new site with its people. When the story has ended, the whole log is judged from outside."""
    live.sites += 1
    site = LiveWorld(live, f"site{live.sites}")
    try:
        await site.prepare()
        yield site
    finally:
        await site.close()
    await live.check_invariants()


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints a sentence among pytest's own: what a test measured, whether it passed or not."""
    plugins = request.config.pluginmanager
    reporter, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")

    def print_it(sentence: str) -> None:
        if reporter is not None and capture is not None:
            with capture.global_and_fixture_disabled():
                reporter.ensure_newline()
                reporter.write_line(sentence)

    return print_it
