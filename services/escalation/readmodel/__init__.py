"""The list of escalations and the table of links: rows made of escalation's own events, and the queries over them.

No command reads it.
"""

from __future__ import annotations

from services.escalation.readmodel.links import of_link
from services.escalation.readmodel.rows import applies, list_escalations

__all__ = ["applies", "list_escalations", "of_link"]
