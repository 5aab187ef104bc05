"""Run notifier: ``python -m services.notifier``."""

from __future__ import annotations

import uvloop

from services.notifier.app import build
from services.notifier.settings import Settings
from shared.runtime.configured import configured
from shared.runtime.service import serve


def main() -> None:
    """Serve until told to stop."""
    uvloop.run(serve("notifier", configured("notifier", Settings), build))


if __name__ == "__main__":
    main()
