"""Decide that the tree of a log began: once for each incarnation. One stream, ``tree-<incarnation>``."""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts.audits import TreeBegan
from shared.contracts.base import Event
from shared.decider import Decider, no_deadlines


@dataclass(frozen=True)
class BeginTree:
    """Record that a tree begins, with its public key and the last checkpoint of the one before it."""

    origin: str
    key: str
    previous: str | None


@dataclass(frozen=True)
class TreeState:
    """Whether a tree began, and as which."""

    origin: str | None = None


def decide(command: BeginTree, tree: TreeState) -> list[Event]:
    """Return what follows; nothing where it began before."""
    if tree.origin is not None:
        return []
    return [TreeBegan(origin=command.origin, key=command.key, previous=command.previous)]


def evolve(tree: TreeState, event: Event) -> TreeState:
    """Return the tree after an event."""
    return TreeState(event.origin) if isinstance(event, TreeBegan) else tree


TREE = Decider(TreeState(), decide, evolve, no_deadlines)
"""The decider of a ``tree-…`` stream."""
