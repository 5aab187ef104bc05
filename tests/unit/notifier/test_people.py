"""Where a message goes once the contact points of its recipient were replaced."""

from __future__ import annotations

import pytest

from services.notifier.application.people import Person
from shared.contracts.base import Sealed
from shared.contracts.visits import Channel, ContactPoint
from tests.unit.notifier.examples import MESSAGES

TO_MAIL = MESSAGES[0]
"""The message to contact point c1, a mail."""


def point(contact_point_id: str, channel: Channel) -> ContactPoint:
    sealed = Sealed(kid="k1", nonce="n", ct="c")
    return ContactPoint(contact_point_id=contact_point_id, channel=channel, address=sealed)


@pytest.mark.parametrize(
    ("points", "chosen"),
    [
        ([("c3", "mail"), ("c1", "mail")], "c1"),
        ([("c3", "webhook"), ("c4", "mail")], "c4"),
        ([("c2", "mail"), ("c4", "mail")], "c4"),
        ([("c2", "mail")], "c2"),
        ([("c2", "webhook"), ("c3", "webhook")], "c3"),
        ([], None),
    ],
    ids=["its own", "same channel", "same channel, not another message's", "another message's", "any", "none left"],
)
def test_a_message_goes_to_its_own_contact_point_or_else_to_one_that_is_left(
    points: list[tuple[str, Channel]], chosen: str | None
) -> None:
    person = Person(contact_points=tuple(point(*one) for one in points))
    found = person.point_for(TO_MAIL, others={message.contact_point_id for message in MESSAGES})
    assert (found and found.contact_point_id) == chosen
