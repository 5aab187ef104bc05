"""Two workers who are not free, under Commence: one says the code word when she is rung, one uses her duress PIN.

Nobody who stands beside them learns of it: what their devices show is compared, and a difference ends the story.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from deploy.story.stage import StoryError
from deploy.story.tasks import Doing

if TYPE_CHECKING:
    from deploy.story.story import Story

INTERVAL = timedelta(minutes=15)
"""The check-in interval that the two visits agree on, before scaling: earlier than anybody's end."""

ENDS_IN = timedelta(hours=3)
"""When the two visits are expected to end, before scaling: long after the story."""

PINS = {"pin": "4711", "duress_pin": "1147"}
"""What dora types; known to nobody but her."""

CHANGES = frozenset({"position", "recorded_at", "due_at", "deadline_at", "version"})
"""What differs between any two check-ins, whichever PIN came with them."""


async def says_the_word(story: Story) -> None:
    """Miss a check-in, be rung, and say the word: whoever had to ring stops, and emergency services are called."""
    visit_id = await story.start(
        "cleo", "Flat 2, Dyer's Court", ENDS_IN, kind="home_visit", interval=story.every(INTERVAL)
    )
    story.say("cleo will not check in")
    await Doing(story, "noor", visit_id).over_http("ring_mobile", "code_word", answers={"free_to_talk": "no"})
    story.say("cleo has said that she left the folder in the car: nobody rings her any more")
    await _called(story, "lena", visit_id, "CAD 1731")
    await _safe_again(story, "lena", "cleo", visit_id)
    story.visits[visit_id] = "code_word"


async def uses_the_pin(story: Story) -> None:
    """Check in with one PIN, then with the other: the device shows the same, and emergency services are called."""
    dora = story.clients["dora"]
    await dora.put("/checkin/workers/dora/pins", PINS)
    visit_id = await story.start("dora", "9 Weir Street", ENDS_IN, kind="home_visit", interval=story.every(INTERVAL))
    check_ins, visit = f"/checkin/visits/{visit_id}/check-ins", f"/checkin/visits/{visit_id}"
    await story.wait(timedelta(minutes=5))
    usual = await dora.post(check_ins, {"pin": PINS["pin"]}), await dora.get(visit)
    story.say("dora checks in with her PIN")
    await story.wait(timedelta(minutes=5))
    under_duress = await dora.post(check_ins, {"pin": PINS["duress_pin"]}), await dora.get(visit)
    if list(map(_shown, usual)) != list(map(_shown, under_duress)):
        raise StoryError(
            "Dora's device shows that she used her duress PIN. That must never be: do not rely on this release."
        )
    story.say("dora checks in with her duress PIN: her phone shows what it showed before")
    await _called(story, "omar", visit_id, "CAD 1702")
    told = json.dumps(await dora.get(f"/audit/visits/{visit_id}/timeline"))
    if "duress" in told or "escalation." in told:
        raise StoryError("Dora's own timeline tells of the duress. That must never be: do not rely on this release.")
    story.say("the timeline that dora may read says nothing of it")
    await _safe_again(story, "omar", "dora", visit_id, pin=PINS["pin"])
    story.visits[visit_id] = "duress_pin"


async def _called(story: Story, who: str, visit_id: str, reference: str) -> None:
    """Call emergency services, as the task of the duress ladder says, and record it."""
    doing = Doing(story, who, visit_id, "duress")
    await doing.offered("emergency_services")
    called_at = datetime.now(UTC).isoformat()
    await doing.over_http("emergency_services", "called", called_at=called_at, reference=reference)


async def _safe_again(story: Story, who: str, worker_id: str, visit_id: str, **pin: str) -> None:
    """Resolve it once the police are with the worker, who then ends the visit."""
    await story.wait(timedelta(minutes=3))
    told = await story.messages.told(who, visit_id)
    resolution = {"confirmed_by": who, "how": "emergency_services"}
    await story.clients[who].post(f"/escalation/escalations/{told['escalation_id']}/resolution", resolution)
    story.say(f"the police are with {worker_id} and have rung {who}: she is safe")
    await story.watch_resumed(visit_id)
    await story.clients[worker_id].post(f"/checkin/visits/{visit_id}/end", pin)
    await story.reports(worker_id, visit_id, "incident")


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what a device shows of an answer that does not change with every check-in."""
    shown = {name: None if name in CHANGES else value for name, value in answer.items()}
    if receipt := answer.get("receipt"):
        shown["receipt"] = {"position": None, "leaf_hash": len(receipt["leaf_hash"])}
    return shown
