"""The page behind a personal link: the task that is somebody's, what happened, who has taken it, and what to do about it.

The link's code is the identity. Opening a page changes nothing, so whatever fetches a link beforehand does no harm; only
a pressed button does. Renders and calls; decides nothing.
"""

from __future__ import annotations

from services.escalation.pages.routes import router

__all__ = ["router"]
