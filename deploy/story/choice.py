"""Which story the demo plays: by the name of a policy of ours, or for a policy file that has the form of one of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deploy.database import ROOT
from deploy.policy.files import PolicyError, load_policy
from deploy.story.commence import Commence
from deploy.story.stepping_stones import SteppingStones

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.story.story import Story
    from shared.contracts.policy import Policy

STORIES: Mapping[str, type[Story]] = {one.NAME: one for one in (SteppingStones, Commence)}
"""Every story, by the name of its policy; the first is played where none is asked for."""


def chosen(asked: str) -> tuple[type[Story], Policy]:
    """Return the story and the policy that a name, or the path of a policy file, stands for. Raises PolicyError."""
    if asked in STORIES:
        return STORIES[asked], load_policy(ROOT / "policies" / f"{asked}.toml")
    names = " or ".join(repr(name) for name in STORIES)
    try:
        is_there = asked != "" and Path(asked).exists()
    except (OSError, ValueError):  # too long for a path, or with a NUL in it
        is_there = False
    if not is_there:
        raise PolicyError(
            f"{asked!r} is no policy of the demo and no file; give {names}, or the path of a policy file."
        )
    policy = load_policy(Path(asked))
    lacking = {name: tuple(story.lacks(policy)) for name, story in STORIES.items()}
    for name, lacks in lacking.items():
        if not lacks:
            return STORIES[name], policy
    raise PolicyError(
        f"{asked}: no story of the demo can be played under this policy; give {names}, or a changed copy of one of them.",
        *(f"{asked}: for the story of {name} it lacks {', '.join(lacks)}." for name, lacks in lacking.items()),
    )
