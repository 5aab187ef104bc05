"""Run audit: ``python -m services.audit``."""

from __future__ import annotations

import uvloop

from services.audit.app import build
from services.audit.settings import Settings
from shared.runtime.configured import configured
from shared.runtime.service import serve


def main() -> None:
    """Serve until told to stop."""
    uvloop.run(serve("audit", configured("audit", Settings), build))


if __name__ == "__main__":
    main()
