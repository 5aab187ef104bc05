"""What goes out in one call: something new before any repeat, and a repeat as the same set under the same id."""

from __future__ import annotations

from services.notifier.channels import Outgoing
from services.notifier.domain import NOTIFICATION, Candidate, Notification, NotificationEvent, call_id_of, to_call
from shared.contracts.notifications import MOST_BUNDLED, AttemptStarted, Message
from tests.unit.notifier.examples import MAIL, SECOND, T0, accepted, failed, queued, started, unknown, withdrawn


def candidate(number: int, *events: NotificationEvent, unwanted: str | None = None, kind: str = "step") -> Candidate:
    """Return one of many messages to Anna, each of a notification of its own."""
    notification_id = f"v{number}.1.1"
    message = Message(message_id=f"{notification_id}.c1", contact_point_id="c1", channel="mail")
    opening = queued(message, notification_id=notification_id, kind=kind)
    return Candidate(
        f"notification-{notification_id}", NOTIFICATION.fold([opening, *events]), message.message_id, unwanted
    )


def tried(number: int, call_id: str | None, retry_after: int = 0) -> Candidate:
    """Return one that was tried in a call, of which nobody knows what became."""
    message_id = f"v{number}.1.1.c1"
    attempt = started(MAIL).model_copy(update={"message_id": message_id, "call_id": call_id})
    assert isinstance(attempt, AttemptStarted)
    return candidate(number, attempt, unknown(message_id, retry_at=T0 + retry_after * SECOND))


def numbers(candidates: tuple[Candidate, ...]) -> list[str]:
    return [one.message_id.partition(".")[0] for one in candidates]


def test_all_that_is_new_goes_together() -> None:
    assert numbers(to_call([candidate(number) for number in range(5)], T0)) == ["v0", "v1", "v2", "v3", "v4"]


def test_a_call_carries_no_more_than_people_read() -> None:
    assert len(to_call([candidate(number) for number in range(MOST_BUNDLED + 1)], T0)) == MOST_BUNDLED


def test_something_new_goes_before_a_repeat_and_not_with_it() -> None:
    assert numbers(to_call([tried(1, None), candidate(2), tried(3, "bundle-1")], T0)) == ["v2"]


def test_a_repeat_goes_as_the_set_that_went_before() -> None:
    several = [tried(1, "bundle-1"), tried(2, "bundle-2"), tried(3, "bundle-1"), tried(4, None)]
    assert numbers(to_call(several, T0)) == ["v1", "v3"]


def test_what_went_alone_goes_alone_again() -> None:
    assert numbers(to_call([tried(1, None), tried(2, None)], T0)) == ["v1"]


def refused(number: int, call_id: str | None, kind: str = "step") -> Candidate:
    """Return one that was tried in a call which the provider did not take."""
    message_id = f"v{number}.1.1.c1"
    attempt = started(MAIL).model_copy(update={"message_id": message_id, "call_id": call_id})
    assert isinstance(attempt, AttemptStarted)
    return candidate(number, attempt, failed(message_id, retry_at=T0), kind=kind)


def test_what_was_refused_for_certain_goes_together_however_it_went_before() -> None:
    several = [refused(1, None), refused(2, "bundle-1"), tried(3, None), refused(4, None), refused(5, "bundle-1")]
    assert numbers(to_call(several, T0)) == ["v1", "v2", "v4", "v5"]
    assert numbers(to_call([tried(3, "bundle-2"), *several], T0)) == ["v3"], "that one may have arrived"


def test_what_was_refused_of_an_exhausted_ladder_goes_without_those_that_have_to_wait() -> None:
    several = [refused(1, None, kind="exhausted"), refused(2, None), refused(3, None, kind="exhausted")]
    assert numbers(to_call(several, T0)) == ["v1", "v3"]


def test_after_one_more_attempt_of_which_nothing_is_known_it_is_not_taken_for_refused() -> None:
    again = refused(1, None)
    message_id = again.message_id
    attempt = started(MAIL).model_copy(update={"message_id": message_id, "attempt": 2})
    assert isinstance(attempt, AttemptStarted)
    state = again.notification
    for event in (attempt, unknown(message_id, retry_at=T0)):
        state = NOTIFICATION.evolve(state, event)
    after = Candidate(again.stream_id, state, message_id, None)
    assert numbers(to_call([after, refused(2, None)], T0)) == ["v1"]


def test_what_is_not_due_not_wanted_or_has_ended_goes_in_no_call() -> None:
    out = [
        tried(1, "bundle-1", retry_after=5),
        candidate(2, unwanted="acknowledged"),
        candidate(3, withdrawn()),
        candidate(4, started().model_copy(update={"message_id": "v4.1.1.c1"}), accepted("v4.1.1.c1")),
        Candidate("notification-v5.1.1", Notification(), "v5.1.1.c1", None),
    ]
    assert to_call(out, T0) == ()
    assert numbers(to_call([*out, tried(6, "bundle-1")], T0)) == ["v6"]


def test_an_exhausted_ladder_is_the_floor() -> None:
    assert candidate(1, kind="exhausted").floor
    assert not candidate(1).floor


def test_the_id_of_a_call_follows_from_what_it_carries_in_whatever_order() -> None:
    assert call_id_of(["b", "a"]) == call_id_of(["a", "b"]) != call_id_of(["a", "b", "c"])
    assert call_id_of(["a"]) == "a"


def test_the_id_of_a_bundle_is_one_that_every_channel_takes() -> None:
    call_id = call_id_of(f"{number}" * 90 for number in range(9))
    out = Outgoing(call_id, T0, address="", secret=None, subject="", text="", link=None, payload={})
    assert out.message_id.startswith("bundle-")
