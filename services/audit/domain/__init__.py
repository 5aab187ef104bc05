"""What audit decides and tells: the timeline of a visit, and that somebody read it. Pure: no clock, no database."""

from services.audit.domain.disclosure import DISCLOSURE, REFUSALS, RecordDisclosure
from services.audit.domain.lines import EscalationSummary, Line, StepSummary, Summary, Timeline
from services.audit.domain.shown import people_in, shown
from services.audit.domain.text import timeline_text
from services.audit.domain.timeline import notification_ids, timeline

__all__ = [
    "DISCLOSURE",
    "REFUSALS",
    "EscalationSummary",
    "Line",
    "RecordDisclosure",
    "StepSummary",
    "Summary",
    "Timeline",
    "notification_ids",
    "people_in",
    "shown",
    "timeline",
    "timeline_text",
]
