"""What audit does for a caller: load, authorise, decide, append, open. No HTTP here.

Read ``timelines`` for what is told of a visit or a worker.
"""

from __future__ import annotations

from services.audit.application.timelines import REFUSALS, Application, timeline_text

__all__ = ["REFUSALS", "Application", "timeline_text"]
