"""The timeline of a visit on the command line: asked of a running audit, shown as text.

The text is made by the same function as in the service; this adds the request, and says what went wrong.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2

from services.audit.domain import timeline_text

__all__ = ["TimelineError", "fetch_timeline", "timeline_text"]

_PATIENCE = 20.0
"""Seconds to wait for the answer: opening a long night's records takes a few."""


class TimelineError(RuntimeError):
    """There is no timeline to show; the message says why and what to do."""


def fetch_timeline(
    base_url: str, token: str, visit_id: str, *, transport: httpx2.BaseTransport | None = None
) -> dict[str, Any]:
    """Return the timeline of a visit from the front at ``base_url``. That it was read is recorded. Raises TimelineError."""
    address = f"{base_url.rstrip('/')}/audit/visits/{quote(visit_id, safe='')}/timeline"
    try:
        with httpx2.Client(transport=transport, timeout=_PATIENCE) as client:
            response = client.get(address, headers={"Authorization": f"Bearer {token}"})
        answer: dict[str, Any] = response.json()
    except httpx2.HTTPError as error:
        message = f"audit cannot be reached at {base_url} ({type(error).__name__}): is Lonewatch running?"
        raise TimelineError(message) from None
    except ValueError:
        message = f"what answers at {base_url} is not Lonewatch; check the address"
        raise TimelineError(message) from None
    if response.is_success:
        return answer
    raise TimelineError(str(answer.get("detail", f"audit answered {response.status_code}")))
