"""What checkin does, command by command: load, authorise, seal, decide, append. Knows no HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from services.checkin.application.directory import AssessmentGiven, Directory
from services.checkin.application.help import Help
from services.checkin.application.installing import Installing
from services.checkin.application.people import ContactPointGiven
from services.checkin.application.planning import ContactGiven, Planned, Planning
from services.checkin.application.reading import Reading
from services.checkin.application.tokens import Tokens
from services.checkin.application.visits import Visits
from services.checkin.application.watch import Watch

__all__ = ["Application", "AssessmentGiven", "ContactGiven", "ContactPointGiven", "Planned"]


@dataclass(frozen=True)
class Application(Directory, Installing, Planning, Tokens, Visits, Help, Watch, Reading):
    """All that checkin does for people, for the feed and for the clock."""
