"""Given a history, when a command comes, then these events: how every rule of a domain is tested.

``given(VISIT, planned, approved).when(command) == [started]``, ``given(VISIT).rejected(command) == "visit_unknown"``.
Works with any ``Decider``; knows nothing of a domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from shared.decider import Rejected

if TYPE_CHECKING:
    from shared.decider import Deadline, Decider

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


@dataclass(frozen=True)
class Given(Generic[C, E, S]):
    """A decider and the state that a history left."""

    decider: Decider[C, E, S]
    state: S

    def when(self, command: C) -> list[E]:
        """Return the events that the command gives. A refusal fails the test that did not expect it."""
        return list(self.decider.decide(command, self.state))

    def rejected(self, command: C) -> str:
        """Return the code with which the command is refused. Fails where it is accepted."""
        try:
            events = self.decider.decide(command, self.state)
        except Rejected as refusal:
            return refusal.code
        message = f"accepted, with {list(events)}"
        raise AssertionError(message)

    def then(self, command: C) -> Given[C, E, S]:
        """Return what holds after the command took effect: for histories told by commands."""
        return Given(self.decider, self.decider.fold(self.when(command), self.state))

    @property
    def deadlines(self) -> list[Deadline]:
        """The deadlines that the history leaves, in their order."""
        return sorted(self.decider.deadlines(self.state))


def given(decider: Decider[C, E, S], *events: E) -> Given[C, E, S]:
    """Return what holds after these events."""
    return Given(decider, decider.fold(events))
