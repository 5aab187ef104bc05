"""checkin in this process, with a small operator set up over HTTP."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.services import Installation
from tests.support.world import World, make_world


@pytest_asyncio.fixture
async def world(installation: Installation) -> AsyncIterator[World]:
    """A running checkin with a site, a policy, Anna and Ben."""
    async with installation.service("checkin") as checkin:
        yield await make_world(installation, checkin)
