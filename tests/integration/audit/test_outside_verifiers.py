"""What the tree publishes, judged by verifiers that nobody here wrote: they accept the log, and no other story of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.campaign import PROVING
from tests.support.outside import VERIFIERS, Verifier
from tests.support.outside.attacks import ATTACKS
from tests.support.outside.trees import SIZES, World
from tests.support.postgres import temporary_state

ATTACKED = SIZES if PROVING else tuple(size for size in SIZES if size != 65_536)
"""The sizes at which every attack is made; 65,536 differs from 256 by one more level, and takes as long as 70,000."""

each = pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda one: str(one.__name__))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The log at each size, and what else its operator could sign."""
    with temporary_state() as folder:
        yield World(folder)


@each
def test_the_log_of_any_size_is_accepted_with_its_growth_and_its_receipts(world: World, verifier: Verifier) -> None:
    shown = [world.shown(size) for size in SIZES]
    assert dict(zip(SIZES, verifier(shown), strict=True)) == dict.fromkeys(SIZES, "")


@each
@pytest.mark.parametrize("attack", ATTACKS)
def test_another_story_is_rejected_at_any_size(world: World, verifier: Verifier, attack: str) -> None:
    shown = [found for size in ATTACKED if (found := ATTACKS[attack](world, size))]
    assert len(shown) >= 2
    assert [number for number, said in enumerate(verifier(shown)) if not said] == []
