"""A second version of the policy of ``north``, whose ladders have tasks, and what a test does with them.

Supervisors (Sue, Sam) ring the worker, then the contacts of the visit; then the line manager (Liz) has it, who alone can
lead on to the emergency services. Under duress another ladder runs instead.
"""

from typing import Any

import pytest_asyncio

from shared.contracts.base import Cites, Event, stream_of
from shared.contracts.escalations import StepStarted
from shared.contracts.ladders import Ladder, Outcome, Question, Step, Task, Trigger
from shared.contracts.persons import CodeWordsSet, PhonesSet
from shared.contracts.policy import Policy
from shared.contracts.roles import Role
from shared.contracts.spans import Timed
from shared.contracts.visits import PolicyAdopted, VisitContact
from shared.runtime.sealing import Keyring
from tests.integration.escalation.conftest import EPISODE, STREAM, World
from tests.support.history import MINUTE, POLICY, SITE, WALT, missed_visit, policy, record

ONE = f"/escalations/{EPISODE}"
TAKE, FINISH, RING_AGAIN, STEP_WAIT = 2 * MINUTE, 4 * MINUTE, 5 * MINUTE, 10 * MINUTE
MOBILE, HOME, CONTACT = "+420 555 010", "+420 555 020", "+420 555 030"
CHALLENGE, ALL_WELL, DURESS_WORD = "Have you fed the cat?", "The cat is fine", "The cat is at the vet"
PLACE = "5 Mill Lane"

CITES = Cites(clauses=("N 5",))

SAFE = Outcome(code="safe", says="They are safe", leads_to="resolved", how="spoke_with_worker", cites=CITES)
NO_ANSWER = Outcome(code="no_answer", says="No answer", leads_to="next", after=RING_AGAIN, cites=CITES)
CODE_WORD = Outcome(code="code_word", says="They said the code word", raises="duress", cites=CITES)
LEFT = Outcome(code="left", says="They have left", leads_to="next", records=("left_at",), cites=CITES)
IN_HAND = Outcome(code="in_hand", says="I see it through", leads_to="acknowledged", cites=CITES)
EMERGENCY = Outcome(code="emergency", says="Call 999", leads_to="emergency_services", cites=CITES)
CALLED = Outcome(
    code="called",
    says="I have called 999",
    leads_to="acknowledged",
    records=("called_at", "reference"),
    cites=CITES,
)


def task(*outcomes: Outcome, who: Role, **more: Any) -> Task:
    """Return a task with the times of these tests."""
    return Task(
        who=(who, *more.pop("then_who", ())),
        outcomes=outcomes,
        take_within=Timed(span=TAKE, cites=CITES),
        finish_within=Timed(span=FINISH, cites=CITES),
        **more,
    )


def step(key: str, name: str, do: Task, then: str | None = None) -> Step:
    """Return a step that is a task."""
    return Step(key=key, name=name, task=do, wait=STEP_WAIT, then=then, cites=CITES, wait_cites=CITES)


def ladder(trigger: Trigger, *steps: Step, instead: bool = False) -> Ladder:
    """Return a ladder with the times of these tests."""
    return Ladder(
        trigger=trigger,
        steps=steps,
        instead=instead,
        acknowledgement_lasts=Timed(span=20 * MINUTE, cites=CITES),
        repeat_every=Timed(span=7 * MINUTE, cites=CITES),
        cites=CITES,
    )


RING_MOBILE = step(
    "ring_mobile",
    "Ring their mobile",
    task(
        SAFE,
        NO_ANSWER,
        CODE_WORD,
        who=Role.SUPERVISOR,
        then_who=(Role.LINE_MANAGER,),
        calls="worker_mobile",
        code_words=True,
        script=("Ring.", "Ask whether all is well."),
        questions=(Question(code="visit_over", ask="Is the visit over?"),),
    ),
)
RING_CONTACTS = step(
    "ring_contacts", "Ring the contacts", task(LEFT, NO_ANSWER, who=Role.SUPERVISOR, calls="visit_contacts")
)
RING_HOME = step("ring_home", "Ring them at home", task(SAFE, NO_ANSWER, who=Role.SUPERVISOR, calls="worker_home"))
LINE_MANAGER = step("line_manager", "Take it further", task(IN_HAND, EMERGENCY, who=Role.LINE_MANAGER), "exhausted")
CALL_999 = step("emergency_services", "Have 999 called", task(CALLED, who=Role.SUPERVISOR, calls="emergency_services"))
FIND_OUT = step("find_out", "Find out", task(SAFE, NO_ANSWER, who=Role.LINE_MANAGER, calls="worker_mobile"))
UNNOTICED = step(
    "emergency_services", "Call unnoticed", task(CALLED, IN_HAND, who=Role.LINE_MANAGER, calls="emergency_services")
)


def policy_with_tasks() -> Policy:
    """Return the second version of the policy of ``north``."""
    first = policy()
    missed = ladder("check_in_missed", RING_MOBILE, RING_CONTACTS, RING_HOME, LINE_MANAGER, CALL_999)
    duress = ladder("duress", UNNOTICED, instead=True)
    ladders = (missed, first.ladders[1], duress, ladder("safeguarding", FIND_OUT))
    return first.model_copy(update={"ladders": ladders, "clauses": {"N 5": "Somebody rings"}})


async def adopt(world: World) -> Keyring:
    """Let ``north`` follow the second version from now on; return what seals for its people."""
    adopted = PolicyAdopted(policy_id=POLICY, policy_version=2, sha256="1" * 64, policy=policy_with_tasks())
    await record(world.installation, "checkin", stream_of("policy", POLICY), adopted)
    return world.installation.running["escalation"].keyring


async def about_walt(world: World, *events: Event) -> None:
    """Record something of Walt himself."""
    await record(world.installation, "checkin", stream_of("worker", WALT), *events, site_id=SITE)


async def set_phones(world: World, keyring: Keyring) -> None:
    """Let Walt have two numbers and three words."""
    phones = PhonesSet(worker_id=WALT, mobile=await keyring.seal(WALT, MOBILE), home=await keyring.seal(WALT, HOME))
    words = [await keyring.seal(WALT, word) for word in (CHALLENGE, ALL_WELL, DURESS_WORD)]
    code_words = CodeWordsSet(worker_id=WALT, challenge=words[0], all_well=words[1], duress=words[2])
    await about_walt(world, phones, code_words)


@pytest_asyncio.fixture
async def tasked(world: World) -> World:
    """Walt has missed his check-in under the policy with tasks; his supervisors are offered the first."""
    keyring = await adopt(world)
    await set_phones(world, keyring)
    contact = VisitContact(
        contact_id="contact1",
        relation="home_visited",
        name=await keyring.seal("contact1", "Hana Home"),
        phone=await keyring.seal("contact1", CONTACT),
    )
    place = await keyring.seal(WALT, PLACE)
    await missed_visit(world.installation, version=2, place=place, contacts=(contact,))
    await world.installation.quiet()
    return world


async def task_of(world: World, who: str, no: str = "1-1") -> dict[str, Any]:
    """Return a task as somebody sees it."""
    tasks = (await world.get(who, ONE)).json()["tasks"]
    (found,) = [one for one in tasks if one["task"] == no]
    return dict(found)


async def act(world: World, who: str, what: str, no: str = "1-1", **body: Any) -> tuple[int, str | None]:
    """Do something with a task; return the status, and the code of a refusal."""
    answered = await world.post(who, f"{ONE}/tasks/{no}/{what}", **body)
    return answered.status_code, answered.json().get("code")


async def step_starts(world: World, *keys_done: str) -> None:
    """Let the ladder come as far as the step after these, each ended by ``no_answer`` or by its time."""
    for _ in keys_done:
        await world.installation.clock.forward(STEP_WAIT)
        await world.installation.quiet()


async def steps(world: World, stream_id: str = STREAM) -> list[tuple[int, int]]:
    """Return which steps have started, in order."""
    events = [recorded.event for recorded in await world.installation.history(stream_id)]
    return [(event.ladder_no, event.step) for event in events if isinstance(event, StepStarted)]
