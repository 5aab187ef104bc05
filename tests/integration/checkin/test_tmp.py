from datetime import timedelta
from tests.support.services import Installation
async def test_clock(installation: Installation) -> None:
    a = await installation.clock.now()
    b = await installation.clock.forward(timedelta(hours=1))
    assert b - a >= timedelta(hours=1)
    assert await installation.history() == []
async def test_b(installation: Installation) -> None:
    assert await installation.history() == []
