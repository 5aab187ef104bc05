"""What of all that waits for one person by one channel goes next."""

from __future__ import annotations

from services.notifier.application.collecting import Mailbox, Waiting
from tests.unit.notifier.examples import SECOND, T0


def waiting(
    name: str, after: int, *, repeat: bool = False, floor: bool = False, calm: bool = False, to: str = "c1"
) -> Waiting:
    send_at = T0 + after * SECOND
    return Waiting(f"notification-{name}", f"{name}.{to}", "anna", to, "mail", send_at, repeat, floor=floor, calm=calm)


def next_of(*several: Waiting) -> list[str]:
    mailbox = Mailbox()
    for one in several:
        mailbox.put(one)
    return [one.message_id for one in mailbox.next()]


def test_an_alarm_waits_behind_no_all_clear_and_no_test_however_many_came_before() -> None:
    calm = [waiting(f"calm{number}", 0, calm=True) for number in range(300)]
    assert next_of(*calm, waiting("alarm", 5))[0] == "alarm.c1"


def test_what_is_new_goes_before_repeats_and_the_floor_before_other_repeats() -> None:
    repeats = (waiting("old", 0, repeat=True), waiting("floor", 3, repeat=True, floor=True))
    assert next_of(*repeats) == ["floor.c1", "old.c1"]
    assert next_of(*repeats, waiting("new", 9), waiting("clear", 9, calm=True)) == ["new.c1", "clear.c1"]


def test_the_contact_point_that_waits_longest_is_next_and_alone() -> None:
    assert next_of(waiting("a", 2), waiting("b", 1, to="c2"), waiting("c", 3)) == ["b.c2"]
