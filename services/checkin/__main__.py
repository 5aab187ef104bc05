"""Run checkin: ``python -m services.checkin``."""

from __future__ import annotations

import uvloop

from services.checkin.app import build, make_first_administrator
from services.checkin.settings import Settings
from shared.runtime.configured import configured
from shared.runtime.service import serve


def main() -> None:
    """Run the service with the settings of its environment, making the first administrator where that is asked for."""
    settings = configured("checkin", Settings)
    uvloop.run(serve("checkin", settings, build, lambda: make_first_administrator(settings)))


if __name__ == "__main__":
    main()
