"""What checkin does, command by command: load, authorise, seal, decide, append. Knows no HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from services.checkin.application.accounts import Accounts
from services.checkin.application.directory import AssessmentGiven, Directory
from services.checkin.application.installing import Installing
from services.checkin.application.people import ContactPointGiven
from services.checkin.application.persons import CodeWordsGiven, Persons
from services.checkin.application.pins import Pins
from services.checkin.application.planning import ContactGiven, Planned, Planning
from services.checkin.application.policies import Policies
from services.checkin.application.reading import Reading
from services.checkin.application.signing import Locked
from services.checkin.application.visits import Visits
from services.checkin.application.watch import COMMAND_OF_KIND, Watch

__all__ = [
    "COMMAND_OF_KIND",
    "Application",
    "AssessmentGiven",
    "CodeWordsGiven",
    "ContactGiven",
    "ContactPointGiven",
    "Locked",
    "Planned",
]


@dataclass(frozen=True)
class Application(Accounts, Directory, Installing, Persons, Pins, Planning, Policies, Visits, Watch, Reading):
    """All that checkin does for people, for the feed and for the clock."""
