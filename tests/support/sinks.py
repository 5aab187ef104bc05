"""The sinks of deploy for tests, in this process or in one of their own: ``python -m tests.support.sinks --folder …``."""

from __future__ import annotations

from typing import Any

from deploy.sinks import Behaviour, MailSink, Sink, WebhookSink
from deploy.sinks.__main__ import main
from tests.support.waiting import until

__all__ = ["Behaviour", "MailSink", "Sink", "WebhookSink", "arrivals"]


async def arrivals(sink: Sink, count: int) -> list[dict[str, Any]]:
    """Wait until so many messages have arrived, and return all that have."""

    async def enough() -> bool:
        return len(sink.arrivals) >= count

    await until(enough)
    return sink.arrivals


if __name__ == "__main__":
    main()
