"""Run checkin: ``python -m services.checkin``."""

from __future__ import annotations

import uvloop

from services.checkin.app import build, make_first_administrator
from services.checkin.settings import Settings
from shared.runtime.service import serve
from shared.runtime.telemetry import configure_logging


async def run(settings: Settings) -> None:
    """Make the first administrator where that is asked for, then serve until told to stop."""
    configure_logging("checkin", settings.replica)
    if settings.first_administrator_file is not None:
        await make_first_administrator(settings, settings.first_administrator_file)
    await serve("checkin", settings, build)


def main() -> None:
    """Run the service with the settings of its environment."""
    uvloop.run(run(Settings()))


if __name__ == "__main__":
    main()
