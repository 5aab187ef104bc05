"""The rules of checkin: one decider per kind of stream, and the sentence for every refusal.

No clock, no database, no Kafka, no keys: the same commands on the same history give the same events.
"""

from services.checkin.domain.assessment import ASSESSMENT, Assessment, RecordAssessment
from services.checkin.domain.commands import (
    ApproveVisit,
    AskForHelp,
    CancelVisit,
    CheckIn,
    EndVisit,
    ExtendVisit,
    MarkCheckInMissed,
    PlanVisit,
    RefuseVisit,
    RemindWorker,
    ResumeWatch,
    StartVisit,
    VisitCommand,
)
from services.checkin.domain.directory import (
    GRANTS,
    POLICY,
    SITE,
    AdoptedPolicy,
    AdoptPolicy,
    GiveGrant,
    GrantCommand,
    RegisterSite,
    Site,
    WithdrawGrant,
    sha256_of,
)
from services.checkin.domain.refusals import REFUSALS
from services.checkin.domain.state import Visit, command_of, deadlines, next_due
from services.checkin.domain.visit import VISIT
from services.checkin.domain.worker import (
    WORKER,
    AskForHelpWithoutVisit,
    IssueToken,
    RegisterWorker,
    RevokeToken,
    SetContactPoints,
    Worker,
    WorkerCommand,
)

__all__ = [
    "ASSESSMENT",
    "GRANTS",
    "POLICY",
    "REFUSALS",
    "SITE",
    "VISIT",
    "WORKER",
    "AdoptPolicy",
    "AdoptedPolicy",
    "ApproveVisit",
    "AskForHelp",
    "AskForHelpWithoutVisit",
    "Assessment",
    "CancelVisit",
    "CheckIn",
    "EndVisit",
    "ExtendVisit",
    "GiveGrant",
    "GrantCommand",
    "IssueToken",
    "MarkCheckInMissed",
    "PlanVisit",
    "RecordAssessment",
    "RefuseVisit",
    "RegisterSite",
    "RegisterWorker",
    "RemindWorker",
    "ResumeWatch",
    "RevokeToken",
    "SetContactPoints",
    "Site",
    "StartVisit",
    "Visit",
    "VisitCommand",
    "WithdrawGrant",
    "Worker",
    "WorkerCommand",
    "command_of",
    "deadlines",
    "next_due",
    "sha256_of",
]
