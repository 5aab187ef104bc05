"""One site of a whole Lonewatch for one story: what its people do, what reaches them, and what must come of it.

Reads the sinks as people read their mail, and waits for what must come, so that no story sleeps.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.live_log import Fact
from tests.support.live_site import ADA, DEE, HANA, SAM, LiveSite
from tests.support.operator_policy import seconds
from tests.support.reached import Told, read_told
from tests.support.waiting import until

__all__ = ["ADA", "DEE", "HANA", "SAM", "LiveWorld"]


@dataclass
class LiveWorld(LiveSite):
    """A site, its people, and their visits."""

    async def plan(self, interval: timedelta | None = None, **changes: Any) -> str:
        """Plan a visit of Ada's that begins now; return its id."""
        now = datetime.now(UTC)
        body: dict[str, Any] = {
            "site_id": self.site_id,
            "worker_id": self.id_of(ADA),
            "kind": "one_to_one",
            "starts_at": now.isoformat(),
            "expected_end_at": (now + seconds(3600)).isoformat(),
            "assessment_id": self.assessment_id,
            "place": "12 Mill Lane",
        }
        if interval is not None:
            body["interval"] = f"PT{interval.total_seconds():.6f}S"
        planned = await self.answer(ADA, "plan_visit", "/checkin/visits", body | changes)
        assert planned.is_success, planned.text
        visit_id: str = planned.json()["visit_id"]
        return visit_id

    async def approve(self, visit_id: str) -> None:
        """Let Hana approve a visit."""
        await self.do(HANA, "approve_visit", visit_id, "approval")

    async def start(self, visit_id: str) -> dict[str, Any]:
        """Let Ada start a visit, with every question about the risk on the spot answered yes; return where it stands."""
        answers = dict.fromkeys(self.policy.gate.dynamic_questions, True)
        return await self.do(ADA, "start_visit", visit_id, "start", dynamic_assessment=answers)

    async def start_visit(self, interval: timedelta | None = None, **changes: Any) -> str:
        """Plan, approve and start a visit of Ada's; return its id."""
        visit_id = await self.plan(interval, **changes)
        await self.approve(visit_id)
        await self.start(visit_id)
        return visit_id

    async def check_in(self, visit_id: str) -> dict[str, Any]:
        """Let Ada check in."""
        return await self.do(ADA, "check_in", visit_id, "check-ins")

    async def end(self, visit_id: str) -> None:
        """Let Ada report the end."""
        await self.do(ADA, "end_visit", visit_id, "end")

    async def visit(self, visit_id: str) -> dict[str, Any]:
        """Return where a visit stands."""
        found: dict[str, Any] = await self.live.admin.get(f"/checkin/visits/{visit_id}")
        return found

    async def timeline(self, visit_id: str) -> dict[str, Any]:
        """Return the timeline of a visit."""
        found: dict[str, Any] = await self.live.admin.get(f"/audit/visits/{visit_id}/timeline")
        return found

    def told(self, visit_id: str) -> list[Told]:
        """Return what reached people about a visit by webhook, in order: who, and why."""
        return [one for one in self.all_told() if one.visit_id == visit_id]

    def all_told(self) -> list[Told]:
        """Return what reached people of the site by webhook, in order."""
        return read_told(self.live.webhook, self.site_id)

    async def facts(self, visit_id: str, type_: str) -> list[Fact]:
        """Return the events of one type of a visit, in order."""
        return [fact for fact in await self.live.log.facts(visit_id) if fact.type == type_]

    async def happened(self, visit_id: str, type_: str, times: int = 1, within: float = 20) -> Fact:
        """Wait until a type of event stands in the log so many times for a visit; return the last of them."""
        found: list[Fact] = []

        async def enough() -> bool:
            found[:] = await self.facts(visit_id, type_)
            return len(found) >= times

        await self.wait_for(enough, within, f"{type_} of {visit_id}, {times} times")
        return found[times - 1]

    async def is_told(self, visit_id: str, who: str, kind: str = "step", times: int = 1, within: float = 20) -> Told:
        """Wait until somebody was told of a visit so many times for one reason; return the last of them."""

        def found() -> list[Told]:
            return [one for one in self.told(visit_id) if (one.who, one.kind) == (who, kind)]

        async def enough() -> bool:
            return len(found()) >= times

        await self.wait_for(enough, within, f"{who} is told ({kind}) of {visit_id}, {times} times")
        return found()[times - 1]

    async def wait_for(self, look: Callable[[], Awaitable[object]], within: float, what: str) -> None:
        """Wait until something is true; where it never is, say what was waited for."""
        try:
            await until(look, within)
        except AssertionError as error:
            message = f"{what}: {error}"
            raise AssertionError(message) from None
