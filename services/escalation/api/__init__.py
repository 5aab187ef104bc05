"""Escalations as JSON. Parses and answers; decides nothing. A route's name is its operation in the table of permissions."""

from __future__ import annotations

from fastapi import APIRouter

from services.escalation.api.escalations import router as escalations
from services.escalation.api.tasks import router as tasks

router = APIRouter(prefix="/escalation")
"""Every route of the API."""

for _routes in (escalations, tasks):
    router.include_router(_routes)
