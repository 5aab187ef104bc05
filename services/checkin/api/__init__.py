"""checkin over HTTP. Parses and answers; decides nothing."""

from fastapi import APIRouter

from services.checkin.api import accounts, check_ins, directory, people, persons, visits

router = APIRouter(prefix="/checkin")
"""Every address of checkin; the name of each is its operation in the table of permissions."""

for part in (accounts, directory, people, persons, visits, check_ins):
    router.include_router(part.router)
