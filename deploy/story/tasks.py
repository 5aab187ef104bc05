"""How the people of a story do tasks: they wait until one reaches them, take it, and say what came of it.

By the page behind the link of their mail, or over HTTP as any other program would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.story.messages import press

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.story.story import Story

MISSED = "check_in_missed"
"""The trigger by whose ladder a home visit goes that is not over in time, too."""


@dataclass(frozen=True)
class Doing:
    """One person, one visit, and the tasks of one of its ladders."""

    story: Story
    who: str
    visit_id: str
    trigger: str = MISSED

    async def offered(self, key: str) -> Mapping[str, Any]:
        """Wait until the task of a step has reached this person; return what their webhook said of it."""
        ladder = self.story.policy.ladder_for(self.trigger)
        number = ladder.number_of(key)
        if number is None:
            raise KeyError(key)
        name = ladder.steps[number - 1].name  # which is how messages name its task
        return await self.story.messages.told(self.who, self.visit_id, name)

    async def over_http(self, key: str, outcome: str, **said: Any) -> None:
        """Take the task of a step over HTTP, and say what came of it."""
        told = await self.offered(key)
        escalation = f"/escalation/escalations/{told['escalation_id']}"
        client = self.story.clients[self.who]
        task = told["task"]["task"]
        await client.post(f"{escalation}/tasks/{task}/taking")
        shown = next(one for one in (await client.get(escalation))["tasks"] if one["task"] == task)
        numbers = [one["phone"] or one["name"] for one in shown["to_ring"]]
        self.story.say(f"{self.who} takes the task and rings {' or '.join(numbers)}: {outcome}")
        await client.post(f"{escalation}/tasks/{task}/outcome", {"outcome": outcome, **said})

    async def on_page(self, key: str, outcome: str, **said: str) -> None:
        """Open the link of the mail that offers the task of a step, take it there, and say what came of it."""
        told = await self.offered(key)
        task, link = told["task"]["task"], await self.story.messages.mailed(self.who, str(told["link"]))
        await press(link, "take_task", task=task)
        self.story.say(f"{self.who} opens the link, takes the task and says what came of it: {outcome}")
        await press(link, "do_task", task=task, outcome=outcome, **said)
