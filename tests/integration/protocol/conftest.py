"""The four services at work on one log for the tests of a module; each story has a site of its own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from deploy.sinks import WebhookSink
from shared.runtime import deadlines, feed
from tests.support.fixtures import LOOK_EVERY
from tests.support.protocol_story import Story
from tests.support.protocol_world import COMMENCE, STAFF, STEPPING_STONES, Protocol, rules_of
from tests.support.services import Installation, cloned

SERVICES = ("checkin", "escalation", "notifier", "audit")

Tell = Callable[..., Awaitable[Story]]
"""Makes a site under a policy whose worker is on a visit."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def protocol(
    template: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Protocol]:
    """An installation with both policies, whose services run; at the end of its stories the whole log is judged from outside."""
    folder: Path = tmp_path_factory.mktemp("protocol")
    key = folder / "wrapping.key"
    key.write_text(secrets.token_hex(32))
    async with AsyncExitStack() as stack:
        patches = stack.enter_context(pytest.MonkeyPatch.context())
        patches.setattr(feed, "LOOK_EVERY", LOOK_EVERY)
        patches.setattr(deadlines, "POLL_EVERY", LOOK_EVERY)
        suffix = "_" + request.module.__name__.rpartition(".")[2]
        database = await stack.enter_async_context(cloned(template, suffix))
        admin = await asyncpg.connect(database.admin, ssl=False)
        stack.push_async_callback(admin.close)
        installation = Installation(database, key, admin)
        await installation.administrator()
        sink = await stack.enter_async_context(WebhookSink(folder / "webhooks.jsonl"))
        settings: dict[str, dict[str, Any]] = {"notifier": {"public_url": "http://front.test"}}
        clients = {
            name: await stack.enter_async_context(
                installation.service(name, installation.token, **settings.get(name, {}))
            )
            for name in SERVICES
        }
        world = Protocol(installation, clients, sink)
        for policy in (COMMENCE, STEPPING_STONES):
            await world.adopt(rules_of(policy))
        yield world
        await world.judge()


@pytest_asyncio.fixture(loop_scope="module")
async def tell(protocol: Protocol) -> AsyncIterator[Tell]:
    """Begin a story; what it leaves open is ended when it has been told."""
    told: list[Story] = []

    async def begin(
        policy: str, *, alone: bool = False, rules: dict[str, Any] | None = None, visit: bool = True, **plan: Any
    ) -> Story:
        """``alone``: at a site of its own, as people lose their roles in it. ``rules``: under these instead."""
        story = await site_under(protocol, policy, rules, alone=alone)
        told.append(story)
        if visit:
            await story.visits(**plan)
        return story

    yield begin
    for finish in (Story.resolve, Story.end):
        await protocol.quiet()
        for story in told:
            await finish(story)


async def site_under(protocol: Protocol, policy: str, rules: dict[str, Any] | None, *, alone: bool) -> Story:
    """Return the site under a policy, made when it is first needed, or another one."""
    if alone or rules or policy not in protocol.made:
        protocol.sites += 1
        story = Story(protocol, policy, f"site{protocol.sites}", rules or rules_of(policy), STAFF[policy])
        if rules:
            await protocol.adopt(rules)
        await story.prepare()
        if alone or rules:
            return story
        protocol.made[policy] = story
    made = protocol.made[policy]
    return Story(protocol, policy, made.site_id, made.rules, made.staff, made.tokens, made.assessment_id)
