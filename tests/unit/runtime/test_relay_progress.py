"""What a relay knows of itself: its state, said once, and how much it dares to send at once."""

from __future__ import annotations

from datetime import timedelta

from structlog.testing import capture_logs

from shared.contracts.topics import VISITS
from shared.runtime.relay_progress import PAGE, Progress


def test_a_state_is_said_once_and_not_with_every_try() -> None:
    progress = Progress(VISITS, "waiting")

    with capture_logs() as lines:
        for error in ("KafkaConnectionError", "KafkaConnectionError", "TimeoutError", "TimeoutError"):
            progress.failed(error)

    assert [line["error"] for line in lines] == ["KafkaConnectionError", "TimeoutError"]
    assert (progress.state.word, progress.state.why) == ("cannot_connect", "TimeoutError")


def test_a_failure_makes_the_next_page_smaller_and_what_is_published_makes_it_larger() -> None:
    progress = Progress(VISITS, "waiting")

    for _ in range(10):
        progress.failed("TimeoutError")
    smallest = progress.page
    for _ in range(10):
        progress.published(1)

    assert (smallest, progress.page) == (1, PAGE)


def test_positions_beyond_the_cursor_and_the_oldest_record_are_what_it_is_behind() -> None:
    progress = Progress(VISITS, "waiting")

    progress.saw(7, 10)
    progress.waits(timedelta(seconds=2))

    assert (progress.state.position, progress.state.behind, progress.state.behind_seconds) == (7, 3, 2.0)


def test_a_lease_that_was_never_taken_does_not_last() -> None:
    assert not Progress(VISITS, "waiting").lasts
