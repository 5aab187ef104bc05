"""Run escalation: ``python -m services.escalation``."""

from __future__ import annotations

import uvloop

from services.escalation.app import build
from services.escalation.settings import Settings
from shared.runtime.configured import configured
from shared.runtime.service import serve


def main() -> None:
    """Serve until told to stop."""
    uvloop.run(serve("escalation", configured("escalation", Settings), build))


if __name__ == "__main__":
    main()
