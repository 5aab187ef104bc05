"""The story under Commence: home visits that an administrator watches over with a telephone.

What becomes of two workers who are not free stands in ``story_duress``.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from deploy.story.duress import says_the_word, uses_the_pin
from deploy.story.stage import Person
from deploy.story.story import Story
from deploy.story.tasks import MISSED, Doing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.contracts.policy import Policy

OVER_IN = timedelta(minutes=20)
"""When a home visit is to be over, before scaling: the office awaits a call then."""

LEFT_AGO = timedelta(minutes=9)
"""How long before somebody rings them the people at the place saw the worker leave, before scaling."""

WORDS = {"challenge": "Have you got the blue folder?", "all_well": "On my desk", "duress": "I left it in the car"}
"""What everybody in this story says on the telephone, and nobody else may ever know."""


class Commence(Story):
    """Plays four visits."""

    NAME = "commence"
    CHOICES: ClassVar[Mapping[tuple[str, str], frozenset[str]]] = {
        (MISSED, "ring_mobile"): frozenset({"no_answer", "code_word"}),
        (MISSED, "ring_mobile_again"): frozenset({"no_answer"}),
        (MISSED, "ring_contacts"): frozenset({"left"}),
        (MISSED, "ring_home"): frozenset({"no_answer"}),
        (MISSED, "line_manager"): frozenset({"safe"}),
        ("duress", "emergency_services"): frozenset({"called"}),
    }
    PEOPLE = (
        Person("noor", "Noor Aziz", "administrator"),
        Person("lena", "Lena Holt", "line_manager"),
        Person("omar", "Omar Reyes", "senior_leader"),
        Person("sam", "Sam Okafor", "supervisor"),
        Person("dee", "Dee Marsh", "dsl"),
        Person("ada", "Ada Byrne", "worker"),
        Person("bea", "Bea Castle", "worker"),
        Person("cleo", "Cleo Dunn", "worker"),
        Person("dora", "Dora Ellis", "worker"),
    )
    APPROVER = "lena"

    async def prepare(self, policy: Policy) -> Policy:
        """Say besides how each worker is rung, and which words they use."""
        policy = await super().prepare(policy)
        for number, person in enumerate(self.PEOPLE):
            if person.role == "worker":
                where = f"/checkin/workers/{person.worker_id}"
                phones = {"mobile": f"+44 7700 90012{number}", "home": f"+44 20 7946 012{number}"}
                await self.admin.put(f"{where}/phones", phones)
                await self.admin.put(f"{where}/code-words", WORDS)
        return policy

    async def play(self) -> None:
        """Play the four visits at once."""
        await asyncio.gather(self._ends_well(), self._has_left(), says_the_word(self), uses_the_pin(self))

    async def _ends_well(self) -> None:
        visit_id = await self.start("ada", "12 Mill Lane", OVER_IN, kind="home_visit")
        await self.wait(timedelta(minutes=18))
        await self.clients["ada"].post(f"/checkin/visits/{visit_id}/end")
        self.say("ada has left 12 Mill Lane and says so")
        await self.reports("ada", visit_id)
        self.visits[visit_id] = "ended_well"

    async def _has_left(self) -> None:
        """Nobody hears from bea at the agreed time: the protocol for home visits, call by call."""
        contact = {"relation": "parent", "name": "Mrs Amos", "phone": "+44 20 7946 0199"}
        visit_id = await self.start("bea", "4 Tanner's Row", OVER_IN, kind="home_visit", contacts=[contact])
        self.say("bea will not say that her visit is over")
        noor, lena = Doing(self, "noor", visit_id), Doing(self, "lena", visit_id)
        await noor.on_page("ring_mobile", "no_answer")
        await noor.over_http("ring_mobile_again", "no_answer")
        left_at = datetime.now(UTC) - self.scaled(LEFT_AGO)
        await noor.over_http("ring_contacts", "left", left_at=left_at.isoformat(), answers={"left": "yes"})
        self.say(f"the contact at 4 Tanner's Row says that bea left at {left_at:%H:%M:%S}")
        await noor.on_page("ring_home", "no_answer")
        await lena.offered("line_manager")
        self.say("lena takes it further, and finds bea beside a car that does not start")
        await lena.on_page("line_manager", "safe")
        await self.clients["bea"].post(f"/checkin/visits/{visit_id}/end")
        await self.reports("bea", visit_id)
        self.visits[visit_id] = "left_and_found_safe"
