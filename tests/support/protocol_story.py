"""One site under one policy, and what its people do while a worker does not answer; told as a table, minute by minute."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import httpx2

from shared.contracts.base import stream_of
from shared.contracts.envelope import Recorded
from shared.contracts.escalations import EscalationOpened
from tests.support.protocol_driver import row_of
from tests.support.protocol_oracle import Act, Oracle, Row
from tests.support.protocol_world import (
    APPROVES,
    AUDITOR,
    CONTACT,
    HOME,
    MOBILE,
    MOMENT,
    OPERATOR,
    WALT,
    Protocol,
)
from tests.support.reached import WEBHOOK_SECRET

WAYS = {"taking": "take", "outcome": "outcome", "return": "give_back", "handover": "hand_over"}
"""What the oracle calls what an address stands for."""

ROLES = ("administrator", "supervisor", "line_manager", "head_of_provision", "dsl", "senior_leader")
"""Who can be told of an escalation."""


HALF = timedelta(seconds=30)
"""To what times are rounded: a story is told in minutes and halves, while services take moments."""

OFFERS = frozenset({"step_started", "task_passed_on", "exhausted"})
"""Of these a table says whom they ask, of the rest who did it."""

RESOLVES = OPERATOR
"""Whoever looks on, and ends what a story leaves open."""


class Told(NamedTuple):
    """A line of a story's table: minutes after the trigger, what, who, and a clause that required it."""

    minute: float
    what: str
    who: str
    clause: str = ""


@dataclass
class Story:
    """One site under one policy, whose worker is on a visit."""

    world: Protocol
    policy: str
    site_id: str
    rules: Mapping[str, Any]
    staff: Mapping[str, str]
    tokens: dict[str, str] = field(default_factory=dict)
    assessment_id: str = ""
    visit_id: str = ""
    trigger: str = ""
    escalation_id: str = ""
    opened_at: datetime | None = None
    at: int = 0
    """Seconds after the trigger to which the story has come."""
    acts: list[Act] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    """Who no longer holds a role: nobody has it."""

    def id_of(self, who: str) -> str:
        """Return the worker id of somebody of the story."""
        return self.world.operator if who == OPERATOR else f"{self.site_id}-{who}"

    def name_of(self, worker_id: str) -> str:
        """Return who it is."""
        return OPERATOR if worker_id == self.world.operator else worker_id.removeprefix(f"{self.site_id}-")

    async def prepare(self) -> None:
        """Make the site, its people, an assessment."""
        policy_id = self.rules["policy_id"]
        await self.world.done(
            "POST", "/checkin/sites", {"site_id": self.site_id, "name": self.site_id, "policy_id": policy_id}
        )
        for who, role in {**self.staff, AUDITOR: "auditor"}.items():
            await self._join(who, role)
        worker = f"/checkin/workers/{self.id_of(WALT)}"
        await self.world.done("PUT", f"{worker}/phones", {"mobile": MOBILE, "home": HOME})
        words = {"challenge": "Have you fed the cat?", "all_well": "She is asleep", "duress": "Ring the vet"}
        await self.world.done("PUT", f"{worker}/code-words", words)
        assessment = {
            "site_id": self.site_id,
            "outcome": "acceptable",
            "factors": self.rules["gate"]["factors"],
            "assessed_by": [self.id_of(APPROVES[self.policy])],
        }
        assessed = await self.world.done("POST", "/checkin/assessments", assessment)
        self.assessment_id = assessed["assessment_id"]

    async def _join(self, who: str, role: str) -> None:
        worker_id, admin = self.id_of(who), self.world.done
        await admin(
            "POST",
            "/checkin/workers",
            {"worker_id": worker_id, "site_id": self.site_id, "name": f"{who.title()} Byrne"},
        )
        if role != "auditor":
            point = {"channel": "webhook", "address": f"{self.world.sink.url}/{worker_id}", "secret": WEBHOOK_SECRET}
            await admin("PUT", f"/checkin/workers/{worker_id}/contact-points", {"contact_points": [point]})
        await admin("POST", f"/checkin/sites/{self.site_id}/grants", {"worker_id": worker_id, "role": role})
        self.tokens[who] = (await admin("POST", f"/checkin/workers/{worker_id}/tokens"))["token"]

    async def withdraw(self, who: str) -> None:
        """Let nobody be what somebody was."""
        body = {"worker_id": self.id_of(who), "role": self.staff[who]}
        await self.world.done("POST", f"/checkin/sites/{self.site_id}/grants/withdrawals", body)
        self.gone.add(who)

    async def visits(self, **plan: Any) -> str:
        """Let Walt plan and start a visit; return its id."""
        now = await self.world.installation.clock.now()
        body = {
            "site_id": self.site_id,
            "worker_id": self.id_of(WALT),
            "kind": "home_visit",
            "starts_at": now.isoformat(),
            "expected_end_at": (now + timedelta(hours=6)).isoformat(),
            "assessment_id": self.assessment_id,
            "place": "12 Mill Lane",
            "contacts": [{"relation": "parent", "name": "Mrs Mill", "phone": CONTACT}],
        }
        planned = await self.do(WALT, "POST", "/checkin/visits", body | plan)
        self.visit_id = planned["visit_id"]
        visit = f"/checkin/visits/{self.visit_id}"
        await self.do(APPROVES[self.policy], "POST", f"{visit}/approval")
        answers = dict.fromkeys(self.rules["gate"]["dynamic_questions"], True)
        await self.do(WALT, "POST", f"{visit}/start", {"dynamic_assessment": answers})
        return self.visit_id

    async def asks_for_help(self) -> None:
        """Let Walt ask for help, on the visit if he is on one."""
        about = f"visits/{self.visit_id}" if self.visit_id else f"workers/{self.id_of(WALT)}"
        await self.do(WALT, "POST", f"/checkin/{about}/help", {"note": "It has got out of hand"})
        await self.world.quiet()
        await self.opened()

    async def reports(self, situation: str) -> None:
        """Let Walt say what is the matter; it may join what is open."""
        about = f"visits/{self.visit_id}" if self.visit_id else f"workers/{self.id_of(WALT)}"
        await self.do(WALT, "POST", f"/checkin/{about}/situations", {"situation": situation})
        await self.world.quiet()
        if self.opened_at is None:
            await self.opened()
        else:
            self.acts.append(Act(self.at, self.id_of(WALT), "raise", outcome=situation))

    async def misses(self) -> None:
        """Let the agreed time of Walt's check-in pass, and its grace."""
        visit = await self.world.done("GET", f"/checkin/visits/{self.visit_id}")
        await self.world.reach(datetime.fromisoformat(visit["deadline_at"]) + MOMENT)
        await self.world.quiet()
        await self.opened()

    async def opened(self) -> None:
        """Take the newest opening of an escalation as the minute from which all is counted."""
        openings = [one for one in await self.history() if one.envelope.type == "escalation.opened.v1"]
        opened = openings[-1].event
        assert isinstance(opened, EscalationOpened)
        self.trigger, self.escalation_id = opened.trigger, opened.escalation_id
        self.opened_at, self.at, self.acts = openings[-1].envelope.recorded_at, 0, []

    @property
    def stream_id(self) -> str:
        """The stream of the escalation."""
        return stream_of("escalation", self.visit_id or self.id_of(WALT))

    @property
    def escalation(self) -> str:
        """The address of the escalation."""
        return f"/escalation/escalations/{self.escalation_id}"

    async def history(self) -> list[Recorded]:
        """Return what the escalation consists of."""
        return await self.world.installation.history(self.stream_id)

    async def minute(self, number: float) -> None:
        """Let time pass until so many minutes after the trigger."""
        assert self.opened_at is not None
        self.at = round(number * 60)
        await self.world.reach(self.opened_at + timedelta(seconds=self.at))

    async def send(self, who: str, method: str, path: str, body: Any = None) -> httpx2.Response:
        """Send a request as somebody of the story, or as the operator's administrator."""
        return await self.world.send(method, path, body, self.tokens.get(who))

    async def do(self, who: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send a request as somebody of the story that must succeed; return its answer."""
        return await self.world.done(method, path, body, self.tokens.get(who))

    async def refused(self, who: str, method: str, path: str, body: Any = None) -> str:
        """Send a request that must be refused; return the code."""
        response = await self.send(who, method, path, body)
        assert response.is_client_error, response.text
        code: str = response.json()["code"]
        return code

    async def task(self, key: str, ladder_no: int = 1) -> dict[str, Any]:
        """Return a task by the key of its step, as whoever may see all but the numbers sees it."""
        shown = await self.shown(RESOLVES)
        (task,) = [one for one in shown["tasks"] if (one["key"], one["ladder_no"]) == (key, ladder_no)]
        return dict(task)

    async def shown(self, who: str) -> dict[str, Any]:
        """Return the escalation as somebody sees it."""
        return await self.do(who, "GET", self.escalation)

    async def act(
        self, who: str, what: str, key: str, body: Mapping[str, Any] | None = None, ladder_no: int = 1
    ) -> httpx2.Response:
        """Let somebody do something with a task; return what they are answered."""
        number = (await self.task(key, ladder_no))["task"]
        ladder, step = number.split("-")
        outcome = str((body or {}).get("outcome", ""))
        self.acts.append(Act(self.at, self.id_of(who), WAYS[what], int(ladder), int(step), outcome))
        return await self.send(who, "POST", f"{self.escalation}/tasks/{number}/{what}", dict(body or {}))

    async def takes(self, who: str, key: str, ladder_no: int = 1) -> None:
        """Let somebody take a task."""
        response = await self.act(who, "taking", key, ladder_no=ladder_no)
        assert response.is_success, response.text

    async def says(self, who: str, key: str, outcome: str, ladder_no: int = 1, **facts: Any) -> None:
        """Let somebody say what came of a task."""
        response = await self.act(who, "outcome", key, {"outcome": outcome, **facts}, ladder_no)
        assert response.is_success, response.text

    async def presses(self, who: str, key: str, outcome: str) -> str:
        """Let somebody open the link of the last message that they got, and press what came of a task; return the page."""
        links = [line["body"]["data"]["link"] for line in self.world.sink.arrivals if self.id_of(who) in line["path"]]
        path, desk = httpx2.URL(links[-1]).path, self.world.clients["escalation"]
        page = (await desk.get(path)).text
        number = (await self.task(key))["task"]
        chosen = {"press": re.findall(r'name="press" value="([^"]+)"', page)[0], "task": number, "outcome": outcome}
        ladder, step = number.split("-")
        self.acts.append(Act(self.at, self.id_of(who), "outcome", int(ladder), int(step), outcome))
        answered = await desk.post(path, data={"action": "do_task", **chosen}, follow_redirects=True)
        assert answered.is_success, answered.text
        return answered.text

    async def told(self) -> list[Told]:
        """Return what happened as the audit timeline has it."""
        await self.world.quiet()
        about = f"visits/{self.visit_id}" if self.visit_id else f"workers/{self.id_of(WALT)}"
        timeline = await self.do(AUDITOR, "GET", f"/audit/{about}/timeline")
        happened = [line for line in timeline["lines"] if line["kind"] == "happened"]
        lines = [line for line in happened if line["details"].get("escalation_id") == self.escalation_id]
        lines = [line for line in lines if line["what"].startswith("escalation.")]
        runs = {
            line["details"]["ladder_no"]: line["details"]["trigger"] for line in lines if "trigger" in line["details"]
        }
        return [self._line(line, runs) for line in lines]

    def _line(self, line: Mapping[str, Any], runs: Mapping[int, str]) -> Told:
        assert self.opened_at is not None
        after = datetime.fromisoformat(line["recorded_at"]) - self.opened_at
        details, (_, what, _) = line["details"], line["what"].split(".")
        by = details.get("by") or line["actor"]
        people = [ask["worker_id"] for ask in details.get("asks", ())] if what in OFFERS else [by]
        who = "" if what in {"opened", "joined"} else " ".join(sorted(map(self.name_of, people)))
        of = [str(details[name]) for name in ("trigger", "reason", "outcome", "round") if name in details]
        if details.get("step"):
            steps = next(one["steps"] for one in self.rules["ladders"] if one["trigger"] == runs[details["ladder_no"]])
            of.insert(0, steps[details["step"] - 1].get("key", str(details["step"])))
        late = " late" if details.get("late") is True else ""
        clause = line["clauses"][0] if line["clauses"] else "ours" if line["ours"] else ""
        return Told(round(after / HALF) / 2, f"{what} {' '.join(of)}".strip() + late, who, clause)

    async def is_told_as(self, *table: tuple[float, str, str, str]) -> None:
        """Hold that this is what the timeline says, and that its times are the oracle's."""
        told = await self.told()
        assert told == list(table), "\n".join(f"({one.minute:g}, {str(one[1:])[1:]}," for one in told)
        assert await self.rows() == self.foretold()

    async def resolve(self) -> None:
        """End what is open, so that the next story is about nothing else."""
        if self.opened_at is None:
            return
        await self.opened()
        if (await self.shown(RESOLVES))["ended"] is None:
            safe = {"confirmed_by": self.id_of(RESOLVES), "how": "met_in_person"}
            await self.do(RESOLVES, "POST", f"{self.escalation}/resolution", safe)

    async def end(self) -> None:
        """End the visit and report it, so that nothing is awaited any more."""
        visit = f"/checkin/visits/{self.visit_id}"
        if self.visit_id and (await self.do(RESOLVES, "GET", visit))["status"] == "started":
            await self.do(WALT, "POST", f"{visit}/end", {})
            await self.do(WALT, "POST", f"{visit}/report", {"went": "well"})

    async def rows(self) -> list[Row]:
        """Return what the log has of the escalation, as rows of the oracle's, to the nearest half minute."""
        await self.world.quiet()
        assert self.opened_at is not None
        found = [
            row_of(recorded.event, recorded.envelope.recorded_at, self.opened_at)
            for recorded in await self.history()
            if getattr(recorded.event, "escalation_id", None) == self.escalation_id
        ]
        return [to_the_half_minute(row) for row in found if row is not None]

    def foretold(self) -> list[Row]:
        """Return what the oracle says of the same, up to the minute that the story has come to."""
        holders = {role: [self.id_of(one) for one in self._holding(role)] for role in ROLES}
        ladders = {ladder["trigger"]: ladder for ladder in self.rules["ladders"]}
        oracle = Oracle(ladders, holders, self.id_of(WALT))
        told = oracle.tell(self.trigger, self.acts, self.at)
        return [to_the_half_minute(row) for row in told if row.what != "refused"]

    def _holding(self, role: str) -> Iterator[str]:
        yield from (one for one, held in self.staff.items() if held == role and one not in self.gone)
        if role == "administrator":
            yield OPERATOR


def to_the_half_minute(row: Row) -> Row:
    """Return a row with its time to the nearest half minute, in seconds."""
    return row._replace(at=round(row.at / 30) * 30)
