"""The start page, and what every page of Lonewatch promises a browser."""

from base64 import b64encode
from hashlib import sha256

from starlette.routing import Route

from services.checkin import pages
from services.checkin.api import accounts, check_ins, directory, people, persons, visits
from shared.contracts.roles import PERMISSIONS, PUBLIC
from tests.support.world import World

PARTS = (accounts, check_ins, directory, people, persons, visits)
"""The modules whose routes make the interface."""

OF_EVERY_SERVICE = {"healthz", "readyz", "status", "parked"}
"""What every service answers of itself, by the first word of the path."""


async def test_the_start_page_needs_no_token_and_no_script_and_allows_only_its_own_style(world: World) -> None:
    page = await world.checkin.get("/checkin/", headers={"Authorization": ""})
    assert page.status_code == 200
    style = page.text.partition("<style>")[2].partition("</style>")[0]
    policy = page.headers["content-security-policy"]
    assert f"style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "<script" not in page.text
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")


async def test_every_route_is_an_operation_of_the_table_or_public(world: World) -> None:
    schema = (await world.checkin.get("/checkin/openapi.json")).json()
    described = {(path, method.upper()) for path, item in schema["paths"].items() for method in item}
    routes = [route for part in PARTS for route in part.router.routes if isinstance(route, Route)]
    own = {(f"/checkin{route.path}", *(route.methods or ())) for route in routes}
    assert own <= described
    assert {path.split("/")[2] for path, _ in described - own} <= OF_EVERY_SERVICE
    assert {route.name for route in routes} <= PERMISSIONS.keys() | PUBLIC
    assert {route.name for route in pages.router.routes if isinstance(route, Route)} <= PUBLIC


async def test_the_service_says_that_it_is_ready(world: World) -> None:
    await world.installation.quiet()
    assert (await world.checkin.get("/checkin/readyz")).json()["ready"] is True
