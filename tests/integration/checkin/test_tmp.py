from tests.support.services import Installation
async def test_clock(installation: Installation) -> None:
    async with installation.service("checkin") as client:
        print((await client.get("/checkin/openapi.json")).status_code)
        print((await client.get("/checkin/")).text)
        print((await client.get("/checkin/sites/operator")).json())
