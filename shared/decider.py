"""The shape of every decision: decide, evolve, an initial state, and the deadlines that a state leaves.

Imports nothing of Lonewatch and does no IO: the same commands on the same history give the same events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


class Rejected(Exception):  # noqa: N818 -- the field's word for a rule that says no
    """A rule says no. Carries a code; the sentence for people stands in the service's table of refusals."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, order=True)
class Deadline:
    """An instant at which something must be looked at: one row per stream, kind and subject.

    ``due_at`` includes any grace. ``subject`` tells apart several deadlines of one kind in one stream.
    """

    kind: str
    subject: str
    due_at: datetime


def no_deadlines(_: object) -> Sequence[Deadline]:
    """Return none: for a stream of which nothing falls due."""
    return ()


@dataclass(frozen=True)
class Decider(Generic[C, E, S]):
    """Four pure functions: what follows from a command, what an event changes, where it starts, what falls due."""

    initial: S
    decide: Callable[[C, S], Sequence[E]]
    evolve: Callable[[S, E], S]
    deadlines: Callable[[S], Sequence[Deadline]]

    def fold(self, events: Iterable[E], state: S | None = None) -> S:
        """Return the state after ``events``, from ``state`` or from the beginning."""
        result = self.initial if state is None else state
        for event in events:
            result = self.evolve(result, event)
        return result
