"""Every route, for every role and for nobody: whoever the table of permissions names is answered, whoever else changes nothing.

The table of requests stands here, so a new route without an entry fails. Who is left out by a policy, though their role
may decide, is a rule of checkin's own (``not_an_approver``) and is tested there.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from re import findall
from secrets import token_hex
from typing import Any

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from deploy.database import SERVICES
from shared.contracts.base import OPERATOR_SITE
from shared.contracts.roles import PERMISSIONS, PUBLIC, Role, may
from shared.runtime import self_checks
from shared.runtime.asking import COOKIE
from shared.runtime.settings import RING
from tests.support.history import POLICY, SITE, policy, token_of
from tests.support.requests import (
    FROM_ELSEWHERE,
    OPERATORS_AUDITOR,
    OTHERS_AT_OPERATOR,
    PEOPLE,
    WITHOUT_IDENTITY,
    Asked,
    Desk,
    Fresh,
    authorization,
    desk,
)
from tests.support.services import Installation, cloned
from tests.support.things import ASSESSMENT, LATER, SITE_NAME, SOUTH, SUPERVISOR
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

END = LATER.isoformat()
GRANT = {"worker_id": Fresh.SUBJECT, "role": "auditor"}
MAIL = {"contact_points": [{"channel": "mail", "address": "anna@home.example"}]}
PLAN = {"worker_id": Fresh.SUBJECT, "kind": "home_visit", "starts_at": "2099-12-31T23:00:00Z", "expected_end_at": END}
NEW = {"name": "Canary"}
NOTED = {"note": "canary"}
BREAK_IN = {"situation": "break_in", "note": "canary"}
PHONES = {"mobile": "07700 900123 canary", "home": None}
WORDS = {"challenge": "How is the canary?", "all_well": "It sings", "duress": "It moults"}
PINS = {"pin": "2580", "duress_pin": "8520"}
WAITS, GOES, UNDER_WAY = {"visit_id": Fresh.PLANNED}, {"visit_id": Fresh.APPROVED}, {"visit_id": Fresh.STARTED}
WORKER, EPISODE = {"worker_id": Fresh.SUBJECT}, {"escalation_id": Fresh.EPISODE}
TASK = {"escalation_id": Fresh.TASKED, "task": "1-1"}
HANDED, DONE = {"to": SUPERVISOR}, {"outcome": "no_answer", "note": "canary"}
NOT_HELD = frozenset({409})
"""Whoever may learns that they do not hold the task: nobody has taken it."""
AUDITOR = {"worker_id": OPERATORS_AUDITOR}
TOKEN = {"token_id": Fresh.TOKEN}

CORRECT = "correct horse battery"
PASSWORD = {"login": Fresh.LOGIN, "password": CORRECT, "current_password": CORRECT}
AUDITORS = {"login": "the operator's auditor", "password": CORRECT, "current_password": CORRECT}

MADE_UP = {"parked_id": "nobody.1"}
NONE_THERE = frozenset({404})
"""Whoever may learns that there is no such parked record; one that is there is for the tests of parking."""

OF_EVERY_SERVICE = tuple(
    asked
    for service in SERVICES
    for asked in (
        Asked(f"GET /{service}/parked", at=OPERATOR_SITE, own=False),
        Asked(f"GET /{service}/parked/{{parked_id}}", MADE_UP, at=OPERATOR_SITE, own=False, answers=NONE_THERE),
        Asked(
            f"POST /{service}/parked/{{parked_id}}/mend",
            MADE_UP,
            {"data": {}},
            at=OPERATOR_SITE,
            own=False,
            answers=NONE_THERE,
        ),
        Asked(f"POST /{service}/parked/{{parked_id}}/replay", MADE_UP, at=OPERATOR_SITE, own=False, answers=NONE_THERE),
        Asked(
            f"POST /{service}/parked/{{parked_id}}/discard",
            MADE_UP,
            {"reason": "made_up"},
            at=OPERATOR_SITE,
            own=False,
            answers=NONE_THERE,
        ),
    )
)
"""What each service says of itself, to the operator's own."""

LADDER = policy().ladders[0].model_dump(mode="json") | {"trigger": "system"}

TABLE = (
    # checkin, what is set up
    Asked("POST /checkin/policies", body=policy().model_dump(mode="json") | {"policy_id": "other"}, at=OPERATOR_SITE),
    Asked("GET /checkin/policies/{policy_id}", {"policy_id": POLICY}, at=OPERATOR_SITE),
    Asked("POST /checkin/sites", body={"name": "East", "policy_id": POLICY}, at=OPERATOR_SITE),
    Asked("GET /checkin/sites/{site_id}", {"site_id": SITE}),
    Asked("GET /checkin/sites/{site_id}", {"site_id": OPERATOR_SITE}, at=OPERATOR_SITE),
    Asked("POST /checkin/sites/{site_id}/grants", {"site_id": SOUTH}, GRANT, at=SOUTH),
    Asked("POST /checkin/sites/{site_id}/grants/withdrawals", {"site_id": SITE}, GRANT),
    Asked("POST /checkin/sites/{site_id}/grants/withdrawals", {"site_id": OPERATOR_SITE}, GRANT, at=OPERATOR_SITE),
    Asked(
        "POST /checkin/assessments", body={"site_id": SITE, "outcome": "acceptable", "factors": [], "notes": "canary"}
    ),
    Asked("PUT /checkin/operator-ladder", body=LADDER, at=OPERATOR_SITE),
    # and its people
    Asked("POST /checkin/workers", body=NEW | {"site_id": SITE}),
    Asked("POST /checkin/workers", body=NEW | {"site_id": OPERATOR_SITE}, at=OPERATOR_SITE),
    Asked("GET /checkin/workers/{worker_id}", WORKER),
    Asked("PUT /checkin/workers/{worker_id}/contact-points", WORKER, MAIL),
    Asked("POST /checkin/workers/{worker_id}/tokens", WORKER),
    Asked("POST /checkin/workers/{worker_id}/tokens", AUDITOR, at=OPERATOR_SITE),
    Asked("POST /checkin/workers/{worker_id}/tokens/{token_id}/revocation", WORKER | TOKEN),
    Asked("POST /checkin/workers/{worker_id}/tokens/{token_id}/revocation", AUDITOR | TOKEN, at=OPERATOR_SITE),
    Asked("PUT /checkin/workers/{worker_id}/password", WORKER, PASSWORD),
    Asked("PUT /checkin/workers/{worker_id}/password", AUDITOR, AUDITORS, at=OPERATOR_SITE),
    Asked("DELETE /checkin/workers/{worker_id}/password", WORKER),
    Asked("DELETE /checkin/workers/{worker_id}/password", AUDITOR, at=OPERATOR_SITE),
    Asked("DELETE /checkin/workers/{worker_id}/sessions", WORKER),
    Asked("DELETE /checkin/workers/{worker_id}/sessions", AUDITOR, at=OPERATOR_SITE),
    Asked("PUT /checkin/workers/{worker_id}/phones", WORKER, PHONES),
    Asked("PUT /checkin/workers/{worker_id}/code-words", WORKER, WORDS),
    Asked("PUT /checkin/workers/{worker_id}/pins", WORKER, PINS),
    Asked("DELETE /checkin/workers/{worker_id}/pins", WORKER),
    Asked("DELETE /checkin/workers/{worker_id}/pins", AUDITOR, at=OPERATOR_SITE),
    Asked("POST /checkin/workers/{worker_id}/help", WORKER, NOTED),
    Asked("POST /checkin/workers/{worker_id}/situations", WORKER, BREAK_IN),
    # and its visits
    Asked("POST /checkin/visits", body=PLAN | {"site_id": SITE, "place": "canary"}),
    Asked("POST /checkin/visits", body=PLAN | {"site_id": SOUTH, "place": "canary"}, at=SOUTH, own=False),
    Asked("GET /checkin/visits", query={"site_id": SITE}),
    Asked("GET /checkin/visits", at=OPERATOR_SITE),
    Asked("GET /checkin/visits/{visit_id}", WAITS),
    Asked("POST /checkin/visits/{visit_id}/approval", WAITS, {"assessment_id": ASSESSMENT}),
    Asked("POST /checkin/visits/{visit_id}/refusal", WAITS, {"reason": "too_late", "note": "canary"}),
    Asked("POST /checkin/visits/{visit_id}/cancellation", GOES, {"reason": "ill"}),
    Asked("POST /checkin/visits/{visit_id}/start", GOES, {"dynamic_assessment": {}}),
    Asked("POST /checkin/visits/{visit_id}/check-ins", UNDER_WAY),
    Asked("POST /checkin/visits/{visit_id}/extensions", UNDER_WAY, {"expected_end_at": END}),
    Asked("POST /checkin/visits/{visit_id}/help", UNDER_WAY, NOTED),
    Asked("POST /checkin/visits/{visit_id}/situations", UNDER_WAY, BREAK_IN),
    Asked("POST /checkin/visits/{visit_id}/end", UNDER_WAY),
    Asked("POST /checkin/visits/{visit_id}/report", {"visit_id": Fresh.ENDED}, {"went": "well", "note": "canary"}),
    # of escalation
    Asked("GET /escalation/escalations", query={"site_id": SITE}),
    Asked("GET /escalation/escalations", at=OPERATOR_SITE),
    Asked("GET /escalation/escalations/{escalation_id}", EPISODE),
    Asked("POST /escalation/escalations/{escalation_id}/acknowledgement", EPISODE),
    Asked(
        "POST /escalation/escalations/{escalation_id}/resolution",
        EPISODE,
        {"confirmed_by": SUPERVISOR, "how": "spoke_by_phone", "note": "canary"},
    ),
    Asked("POST /escalation/escalations/{escalation_id}/stand-down", EPISODE, {"reason": "mistake", "note": "canary"}),
    Asked("POST /escalation/escalations/{escalation_id}/tasks/{task}/taking", TASK),
    Asked("POST /escalation/escalations/{escalation_id}/tasks/{task}/handover", TASK, HANDED, answers=NOT_HELD),
    Asked("POST /escalation/escalations/{escalation_id}/tasks/{task}/return", TASK, answers=NOT_HELD),
    Asked("POST /escalation/escalations/{escalation_id}/tasks/{task}/outcome", TASK, DONE),
    # of notifier
    Asked("GET /notifier/notifications", query={"visit_id": Fresh.STARTED}),
    Asked("GET /notifier/notifications", query=EPISODE),
    Asked("GET /notifier/notifications/{notification_id}", {"notification_id": Fresh.NOTIFICATION}),
    Asked("POST /notifier/test-alarms", body={"recipient_id": Fresh.SUBJECT}),
    Asked("GET /notifier/test-alarms/{notification_id}", {"notification_id": Fresh.TEST}),
    # of audit
    Asked("GET /audit/visits/{visit_id}/timeline", UNDER_WAY),
    Asked("GET /audit/workers/{worker_id}/timeline", WORKER),
    Asked("GET /audit/visits", query={"site_id": SITE}, own=False),
    Asked("GET /audit/visits", query={"site_id": OPERATOR_SITE}, at=OPERATOR_SITE, own=False),
    Asked("GET /audit/visits/{visit_id}/bundle", UNDER_WAY, own=False, answers=NONE_THERE),
    *(
        Asked(f"GET /audit/tree/{part}", query=query, at=OPERATOR_SITE, own=False, answers=NONE_THERE)
        for part, query in (
            ("checkpoint", {}),
            ("key", {}),
            ("previous", {}),
            ("proof", {"position": "1"}),
            ("consistency", {"from": "1", "to": "1"}),
        )
    ),
    Asked("GET /audit/tree/tile/{place:path}", {"place": "0/000"}, at=OPERATOR_SITE, own=False, answers=NONE_THERE),
    # of every service
    *(Asked(f"GET /{service}/status", at=OPERATOR_SITE) for service in SERVICES),
    *OF_EVERY_SERVICE,
)
"""How each route that needs an identity is asked something that succeeds for whoever may."""

WITH_A_SECRET = {"escalation_page", "escalation_page_act", "receive_reply", "test_page", "test_page_act"}
"""Public routes whose own secret is the identity: a link's code, a reply's signature."""

BY_PASSWORD = {"sign_in", "sign_out", "help_by_password"}
"""Public routes whose identity is a password or a session."""

NEVER_REFUSED = {"ask_for_help", "report_situation"}
"""Whoever may not signal it for this person signals it for themselves."""

BEARER = authorization(f"Bearer {token_of(SUPERVISOR)}")
"""A token that is good everywhere else."""


@pytest.fixture(scope="module")
def wrapping_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operator's key of the module's installation."""
    key: Path = tmp_path_factory.mktemp("permissions") / "wrapping.key"
    key.write_text(token_hex(32))
    return key


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at_work(template: str, wrapping_key: Path) -> AsyncIterator[Desk]:
    """Four services with everybody in place, for all the tests of this module.

    They compare their accounts at their start alone: what is appended here has no deadlines, and that would be put right.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(self_checks, "EVERY", 3600.0)
        async with _at_work(template, wrapping_key) as made:
            yield made


@asynccontextmanager
async def _at_work(template: str, wrapping_key: Path) -> AsyncIterator[Desk]:
    async with cloned(template, "_permissions") as pair:
        admin = await asyncpg.connect(pair.admin, ssl=False)
        try:
            async with desk(Installation(pair, wrapping_key, admin)) as made:
                yield made
        finally:
            await admin.close()


def allowed(asked: Asked, operation: str, subject: str) -> dict[str, bool]:
    """Return for everybody whether they may, as the table of permissions says.

    The operator's roles count at every site, so at a site its administrator stands for the others.
    """
    everybody = {**PEOPLE, subject: ((SITE, Role.WORKER),)}
    if asked.at != OPERATOR_SITE:
        everybody = {who: held for who, held in everybody.items() if who not in OTHERS_AT_OPERATOR}
    return {
        who: may(
            operation,
            frozenset(role for at, role in held if at in {asked.at, OPERATOR_SITE}),
            own=asked.own and who == asked.concerned(subject),
        )
        for who, held in everybody.items()
    }


async def test_every_route_has_an_operation_and_every_operation_a_route(at_work: Desk) -> None:
    names = {name for _, _, name in at_work.routes()}
    assert names == PERMISSIONS.keys() | PUBLIC


async def test_every_route_that_needs_an_identity_is_in_the_table_of_this_test(at_work: Desk) -> None:
    routes = {route for _, route, name in at_work.routes() if name not in PUBLIC}
    in_table = {asked.route for asked in TABLE}
    assert (sorted(routes - in_table), sorted(in_table - routes)) == ([], [])


@pytest.mark.parametrize(
    "asked", TABLE, ids=lambda asked: f"{asked.route} at {asked.at} {' '.join(asked.query)}".strip()
)
async def test_whoever_may_is_answered_and_whoever_may_not_changes_and_learns_nothing(
    asked: Asked, at_work: Desk
) -> None:
    (operation,) = {name for _, route, name in at_work.routes() if route == asked.route}
    subject = await at_work.subject()
    may_they = allowed(asked, operation, subject)
    untouched, *fresh = ids_of_each = await at_work.make(subject, asked.things, 1 + sum(may_they.values()))
    if asked.route.startswith("PUT") and asked.route.endswith("/password"):
        login = {PASSWORD["login"]: untouched[Fresh.LOGIN]}.get(str((asked.body or {})["login"]), AUDITORS["login"])
        await at_work.account(asked.concerned(subject), login, CORRECT)
    if Fresh.TOKEN in asked.things:
        await at_work.tokens(asked.concerned(subject), [ids[Fresh.TOKEN] for ids in ids_of_each])
    await at_work.installation.quiet()

    before = await at_work.written()
    for whose, header in WITHOUT_IDENTITY.items():
        ring = {"ring": RING} if operation in NEVER_REFUSED else {}
        refused(await at_work.ask(asked, untouched, header), 401, "no_identity", whose, **ring)
        assert await at_work.written() == before, f"{whose} was refused, and yet something was written"
    for who in (who for who, yes in may_they.items() if not yes):
        if operation in NEVER_REFUSED:
            taken_as_their_own(
                await at_work.ask(asked, untouched, authorization(f"Bearer {token_of(who)}")), who, untouched
            )
            continue
        refused(await at_work.ask(asked, untouched, authorization(f"Bearer {token_of(who)}")), 403, "forbidden", who)
        assert await at_work.written() == before, f"{who} was refused, and yet something was written"

    if asked.changes and operation not in NEVER_REFUSED:
        refused(await at_work.ask(asked, untouched, FROM_ELSEWHERE), 403, "cross_site", "a page of another site")
        assert await at_work.written() == before, "a page of another site was refused, and yet something was written"

    for who, ids in zip((who for who, yes in may_they.items() if yes), fresh, strict=True):
        answer = await at_work.ask(asked, ids, authorization(f"Bearer {token_of(who)}"))
        assert answer.status_code in asked.answers, f"{who}: {answer.status_code} {answer.text}"


def taken_as_their_own(answer: httpx2.Response, who: str, about: Mapping[str, str]) -> None:
    """Check that what was signalled was taken on the caller's own stream, and that nothing was told of anybody else."""
    assert answer.status_code == 200, who
    assert answer.json()["worker_id"] == who
    assert not {about[Fresh.STARTED], about[Fresh.SUBJECT]} & set(findall(r"[\w-]+", answer.text)), who


async def test_health_metrics_and_descriptions_need_no_identity_and_name_nobody(at_work: Desk) -> None:
    subject = await at_work.subject()
    bare = [
        (service, route) for service, route, name in at_work.routes() if name in PUBLIC - WITH_A_SECRET - BY_PASSWORD
    ]
    before = await at_work.written()

    async def ready() -> bool:
        answers = [await at_work.clients[service].get("/readyz") for service in SERVICES]
        return all(answer.status_code == 200 for answer in answers)

    await until(ready)
    for service, route in bare:
        method, _, path = route.partition(" ")
        answer = await at_work.clients[service].request(method, path)
        assert answer.status_code == 200, f"{route}: {answer.text}"
        assert not {subject, SITE} & set(findall(r"[\w-]+", answer.text)), route
        assert SITE_NAME not in answer.text, route
    assert await at_work.written() == before


async def test_a_session_reads_what_its_person_may_wherever_the_link_stood(at_work: Desk) -> None:
    path = f"/checkin/sites/{SITE}"
    assert (await at_work.clients["checkin"].get(path, headers=FROM_ELSEWHERE)).status_code == 200


async def test_the_interface_says_that_each_route_needs_an_identity_and_which_ones_there_are(at_work: Desk) -> None:
    for service in SERVICES:
        described = (await at_work.clients[service].get(f"/{service}/openapi.json")).json()
        schemes = described["components"]["securitySchemes"]
        assert schemes["token"] | {"description": ""} == {"type": "http", "scheme": "bearer", "description": ""}
        assert (schemes["session"]["in"], schemes["session"]["name"]) == ("cookie", COOKIE)
        needing = {
            (route.partition(" ")[0].lower(), route.partition(" ")[2].replace(":path}", "}"))
            for of, route, name in at_work.routes()
            if of == service and name not in PUBLIC
        }
        saying = {
            (method, path)
            for path, methods in described["paths"].items()
            for method, one in methods.items()
            if one.get("security") == [{"token": []}, {"session": []}]
        }
        assert (sorted(needing - saying), sorted(saying - needing)) == ([], [])


async def test_a_page_and_its_buttons_answer_nobody_but_the_holder_of_the_code(at_work: Desk) -> None:
    visit_id, code = await at_work.page()
    client, right, wrong = at_work.clients["escalation"], f"/escalation/e/{code}", f"/escalation/e/{'0' * len(code)}"
    pressed = {"action": "acknowledge"}
    before = await at_work.written()
    for header in (*WITHOUT_IDENTITY.values(), BEARER):
        for answer in (
            await client.get(wrong, headers=header),
            await client.post(wrong, data=pressed, headers=header),
        ):
            assert answer.status_code == 404
            assert visit_id not in answer.text
    assert (await client.get(right)).status_code == 200
    assert await at_work.written() == before, "looking writes nothing"
    assert (await client.post(right, data=pressed)).status_code == 303


async def test_what_takes_a_password_tells_and_changes_nothing_without_one(at_work: Desk) -> None:
    subject = await at_work.subject()
    await at_work.installation.quiet()
    before = await at_work.written()
    client = at_work.clients["checkin"]
    for header in (
        {},
        WITHOUT_IDENTITY["a session that was ended"],
        BEARER,
    ):  # each looks for a password, which takes long
        made_up = {"login": subject, "password": CORRECT}
        answers = [
            await client.post("/checkin/sessions", json=made_up, headers=header),
            await client.post("/checkin/help-by-password", json=made_up, headers=header),
            await client.delete("/checkin/sessions/current", headers=header),
        ]
        assert [answer.status_code for answer in answers] == [401, 202, 200]
        assert not any(subject in answer.text for answer in answers)
    assert await at_work.written() == before


async def test_a_reply_is_taken_from_nobody_without_a_signature_even_with_a_token(at_work: Desk) -> None:
    subject = await at_work.subject()
    (ids,) = await at_work.make(subject, frozenset({Fresh.NOTIFICATION}), 1)
    await at_work.installation.quiet()
    reply = {"type": "reply", "data": {"message_id": f"{ids[Fresh.NOTIFICATION]}.m", "reply": "acknowledge"}}
    before = await at_work.written()
    for header in (*WITHOUT_IDENTITY.values(), BEARER):
        answer = await at_work.clients["notifier"].post(
            "/notifier/replies", json=reply, headers={**header, b"webhook-id": b"1"}
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
        assert subject not in answer.text
    assert await at_work.written() == before


SENTENCES: Mapping[str, str] = {
    "no_identity": "Send the token that was issued to you as 'Authorization: Bearer …'.",
    "cross_site": (
        "Your browser says that another site sent this; open Lonewatch's own page and do it there, or show a token."
    ),
    "forbidden": "You hold no role here that may do this; ask an administrator of the site for it.",
}


def refused(answer: httpx2.Response, status: int, code: str, who: str, **more: str) -> None:
    """Check that an answer is a refusal, in the same words for everything and everybody, and says nothing else but ``more``."""
    problem: dict[str, Any] = answer.json()
    said = {"status": status, "code": code, "title": code.replace("_", " "), "detail": SENTENCES[code], **more}
    assert (answer.status_code, problem) == (status, said), who
    assert set(answer.headers) == {"content-type", "content-length"}, who
