"""What audit follows: every topic, for the list of visits. It answers no record by a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.audit.readmodel import apply_visit
from shared.contracts.envelope import EVENT_TYPES
from shared.contracts.topics import TOPIC_OF_SERVICE
from shared.runtime.consumers import Reaction, ReadModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.audit.application import Application


def reactions(_application: Application) -> Sequence[Reaction]:
    """Return the reactions: none."""
    return ()


def read_models() -> Sequence[ReadModel]:
    """Return the read models: which visits there are, and where in the log they stand."""
    return (
        ReadModel(
            name="visit",
            schema="audit",
            topics=tuple(TOPIC_OF_SERVICE.values()),
            applies=dict.fromkeys(EVENT_TYPES, apply_visit),
        ),
    )
