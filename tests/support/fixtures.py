"""The fixtures that tests of every level share; the conftest loads this module as a plugin."""

from collections.abc import Iterator

import pytest

from deploy.local.postgres import Server
from tests.support.postgres import shared_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One PostgreSQL for all the tests of a run; each test makes a database of its own in it."""
    with shared_server() as server:
        yield server
