"""Which story the demo plays, and what its people take from a message: without a server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from deploy.database import ROOT
from deploy.policy.files import PolicyError, load_policy
from deploy.story.choice import STORIES, chosen
from deploy.story.messages import Messages

POLICIES = ROOT / "policies"


@pytest.mark.parametrize("name", STORIES)
def test_each_story_is_played_under_the_policy_of_its_name(name: str) -> None:
    story, policy = chosen(name)
    assert (story.NAME, policy) == (name, load_policy(POLICIES / f"{name}.toml"))
    assert list(story.lacks(policy)) == []


@pytest.mark.parametrize("name", STORIES)
def test_a_copy_of_a_policy_under_another_name_plays_the_story_of_its_form(name: str, tmp_path: Path) -> None:
    copy = tmp_path / "ours.toml"
    copy.write_text((POLICIES / f"{name}.toml").read_text("utf-8").replace(f'"{name}"', '"ours"', 1), "utf-8")
    story, policy = chosen(str(copy))
    assert (story.NAME, policy.policy_id) == (name, "ours")


def test_a_policy_that_no_story_is_played_under_says_what_each_story_lacks(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    text = (POLICIES / "commence.toml").read_text("utf-8")
    other.write_text(text.replace('code = "code_word"', 'code = "word"'), "utf-8")
    with pytest.raises(PolicyError) as refused:
        chosen(str(other))
    assert "the outcome 'code_word' of 'ring_mobile'" in str(refused.value)
    assert "the task 'supervisor_rings' in its ladder for 'check_in_missed'" in str(refused.value)


@pytest.mark.parametrize("asked", ["", "stepping stones", "commence.yaml", "x" * 5000, "a\0b"])
def test_what_is_neither_a_name_nor_a_file_is_refused_with_the_names_that_there_are(asked: str) -> None:
    with pytest.raises(PolicyError) as refused:
        chosen(asked)
    assert "'stepping-stones' or 'commence'" in str(refused.value)


def webhook(who: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"at": "2026-11-24T10:00:00+00:00", "path": f"/{who}", "body": {"data": data}}


def notification(visit_id: str, task: str | None = None) -> dict[str, Any]:
    offered = None if task is None else {"task": "1-1", "name": task}
    return {
        "visit_id": visit_id,
        "task": offered,
        "text": "",
        "link": f"http://127.0.0.1/escalation/e/{visit_id}{task}",
    }


async def test_somebody_finds_their_task_in_a_call_that_carries_many() -> None:
    messages = Messages()
    found = asyncio.create_task(messages.told("noor", "v2", "Ring"))
    messages.webhook(webhook("noor", notification("v2", "Ring again")))
    messages.webhook(webhook("lena", notification("v2", "Ring")))
    many = [notification("v1", "Ring"), notification("v2", "Ring")]
    messages.webhook(webhook("noor", {"call_id": "c1", "text": "2 visits", "notifications": many}))
    assert await found == many[1]


async def test_a_link_is_used_once_its_mail_is_there() -> None:
    messages = Messages()
    link = asyncio.create_task(messages.link("noor", "v1"))
    told = notification("v1")
    messages.webhook(webhook("noor", told))
    assert await asyncio.wait({link}, timeout=0) == (set(), {link})
    mail = {
        "at": "2026-11-24T10:00:01+00:00",
        "to": "noor@example.org",
        "subject": "Check-in missed",
        "body": told["link"],
    }
    messages.mail(mail)
    assert await link == told["link"]
