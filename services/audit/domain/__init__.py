"""What audit decides and tells: the timeline of a visit, and that somebody read it. Pure: no clock, no database."""

from services.audit.domain.disclosure import DISCLOSURE, REFUSALS, RecordDisclosure, What
from services.audit.domain.lines import EscalationSummary, Line, StepSummary, Summary, TaskSummary, Timeline
from services.audit.domain.own import OF_NO_VISIT, Unreadable, concerned, own_history, site_of
from services.audit.domain.shown import people_in, shown
from services.audit.domain.text import timeline_text
from services.audit.domain.timeline import View, notification_ids, own_timeline, timeline, view

__all__ = [
    "DISCLOSURE",
    "OF_NO_VISIT",
    "REFUSALS",
    "EscalationSummary",
    "Line",
    "RecordDisclosure",
    "StepSummary",
    "Summary",
    "TaskSummary",
    "Timeline",
    "Unreadable",
    "View",
    "What",
    "concerned",
    "notification_ids",
    "own_history",
    "own_timeline",
    "people_in",
    "shown",
    "site_of",
    "timeline",
    "timeline_text",
    "view",
]
