"""Where a story of the demo is set: its site, its people, how fast it goes, and how it can fail."""

from __future__ import annotations

from dataclasses import dataclass

SITE = "riverside"
"""The one site at which every story is set."""


class StoryError(RuntimeError):
    """A story cannot be played, or did not end as it should; the message says what to do or where to look."""


@dataclass(frozen=True)
class Person:
    """Somebody of the site. Whoever is more than a worker is told by webhook, too."""

    worker_id: str
    name: str
    role: str


@dataclass(frozen=True)
class Stage:
    """Where a story is played, how fast, and where its people are reached."""

    url: str
    admin: str
    """The first administrator's token."""
    speed: float
    webhook: str
    """Address of the web server that takes everybody's webhooks."""
    mail_host: str = "example.org"
