"""Whom nobody reaches: the next step follows at once; on the log, through feed and clock."""

from shared.contracts.escalations import StepReachedNobody
from shared.contracts.notifications import NotReached, ReplyReceived
from tests.integration.escalation.conftest import EPISODE, STREAM, VISIT, World
from tests.support.history import (
    LIZ,
    SAM,
    SITE,
    SUE,
    missed_visit,
    record,
)
from tests.support.services import Installation


async def not_reached(installation: Installation, *numbers: int) -> None:
    """Let notifications of the visit's episode reach nobody."""
    for number in numbers:
        notification_id = f"{EPISODE}.{number}"
        event = NotReached(
            notification_id=notification_id,
            recipient_id=SUE,
            escalation_id=EPISODE,
            kind="step",
            ladder_no=1,
            step=1,
            reason="no_contact_point",
        )
        stream_id = f"notification-{notification_id}"
        await record(installation, "notifier", stream_id, event, visit_id=VISIT, site_id=SITE)
    await installation.quiet()


async def test_the_next_step_starts_at_once_when_nobody_of_a_step_could_be_told(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    await not_reached(world.installation, 1)
    assert await world.types() == ["opened", "step_started"]
    await not_reached(world.installation, 2)
    assert await world.types() == ["opened", "step_started", "step_reached_nobody", "step_started"]
    assert await world.told() == [{SUE, SAM}, {LIZ}]
    nobody = (await world.installation.history(STREAM))[2].event
    assert isinstance(nobody, StepReachedNobody)
    page = (await world.client.get(await world.page(LIZ))).text
    assert "none of them could be told, so the next step followed at once" in page
    await not_reached(world.installation, 3)
    assert (await world.types())[-2:] == ["step_reached_nobody", "exhausted"]


async def test_the_answer_to_a_test_takes_nothing(world: World) -> None:
    await missed_visit(world.installation)
    await world.installation.quiet()
    reached = ReplyReceived(
        notification_id=f"{EPISODE}.1",
        message_id=f"{EPISODE}.1.1",
        recipient_id=SUE,
        escalation_id=EPISODE,
        reply="reached",
    )
    stream_id = f"notification-{EPISODE}.1"
    await record(world.installation, "notifier", stream_id, reached, visit_id=VISIT, site_id=SITE)
    await world.installation.quiet()
    assert await world.types() == ["opened", "step_started"]
