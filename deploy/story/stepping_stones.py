"""The story under Stepping Stones: three visits, of which one ends well, one is missed, and one is too much for its worker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from deploy.story.messages import press, reply
from deploy.story.stage import Person
from deploy.story.story import Story

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERVAL = timedelta(minutes=20)
"""The check-in interval that the visits agree on, before scaling: shorter than the policy's longest."""

ENDS_IN = timedelta(hours=3)
"""When the visits are expected to end, before scaling: long after the story."""


class SteppingStones(Story):
    """Plays the three visits."""

    NAME = "stepping-stones"
    CHOICES: ClassVar[Mapping[tuple[str, str], frozenset[str]]] = {("check_in_missed", "supervisor_rings"): frozenset()}
    PEOPLE = (
        Person("sam", "Sam Okafor", "supervisor"),
        Person("hana", "Hana Lindqvist", "head_of_provision"),
        Person("dee", "Dee Marsh", "dsl"),
        Person("ada", "Ada Byrne", "worker"),
        Person("ben", "Ben Castle", "worker"),
        Person("cleo", "Cleo Dunn", "worker"),
    )
    APPROVER = "hana"

    async def play(self) -> None:
        """Play the three visits at once."""
        await asyncio.gather(self._ends_well(), self._is_missed(), self._asks_for_help())

    async def _ends_well(self) -> None:
        visit_id = await self._starts("ada", "12 Mill Lane")
        await self.wait(timedelta(minutes=12))
        later = datetime.now(UTC) + self.scaled(timedelta(hours=4))
        await self.clients["ada"].post(f"/checkin/visits/{visit_id}/extensions", {"expected_end_at": later.isoformat()})
        self.say("ada gives a new expected end")
        await self.wait(timedelta(minutes=10))
        await self.clients["ada"].post(f"/checkin/visits/{visit_id}/check-ins")
        self.say("ada checks in")
        await self.wait(timedelta(minutes=5))
        await self.clients["ada"].post(f"/checkin/visits/{visit_id}/end")
        self.say("ada reports the end")
        await self.reports("ada", visit_id)
        self.visits[visit_id] = "ended_well"

    async def _is_missed(self) -> None:
        visit_id = await self._starts("ben", "Flat 3, Quay House")
        self.say("ben will not check in; sam will be asked to ring him and will not answer")
        link = await self.messages.link("hana", visit_id)
        self.say("hana, who is asked next, opens the link in her mail and takes it")
        await press(link, "acknowledge")
        await self.wait(timedelta(minutes=2))
        self.say("hana has reached ben: he is safe, his phone was flat")
        await press(link, "resolve", how="spoke_with_worker", confirmed="yes")
        await self.watch_resumed(visit_id)
        await self.clients["ben"].post(f"/checkin/visits/{visit_id}/check-ins")
        self.say("the watch goes on; ben checks in")
        await self.clients["ben"].post(f"/checkin/visits/{visit_id}/end")
        await self.reports("ben", visit_id)
        self.visits[visit_id] = "missed_then_safe"

    async def _asks_for_help(self) -> None:
        visit_id = await self._starts("cleo", "Annex, room 2")
        await self.wait(timedelta(minutes=5))
        await self.clients["cleo"].post(f"/checkin/visits/{visit_id}/help", {"note": "the situation is out of hand"})
        self.say("cleo asks for help")
        told = await self.messages.told("sam", visit_id)
        for everyone in ("hana", "sam"):  # by mail too: who takes it sooner stops what is not sent yet
            await self.messages.link(everyone, visit_id)
        self.say("sam answers the webhook: he has taken it")
        await reply(told)
        await self.wait(timedelta(minutes=3))
        await self.clients["sam"].post(
            f"/escalation/escalations/{told['escalation_id']}/resolution",
            {"confirmed_by": "sam", "how": "met_in_person"},
        )
        self.say("sam is with cleo: she is safe")
        await self.watch_resumed(visit_id)
        await self.clients["cleo"].post(f"/checkin/visits/{visit_id}/end")
        await self.reports("cleo", visit_id, "incident")
        self.visits[visit_id] = "helped"

    async def _starts(self, worker_id: str, place: str) -> str:
        return await self.start(worker_id, place, ENDS_IN, kind="one_to_one", interval=self.every(INTERVAL))
