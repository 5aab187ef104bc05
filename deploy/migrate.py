"""Bring a PostgreSQL server up to this release, once: ``python -m deploy.migrate``. Safe to run again, and by several at once.

For installations whose PostgreSQL is the operator's own. Makes what is missing (roles with their passwords, two databases)
and applies what is new of the migrations; removes nothing. The former release may go on serving meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import asyncpg
from pydantic import SecretStr, ValidationInfo, field_validator

from deploy.database import SERVICES, prepare
from shared.runtime.clock import monotonic, pause
from shared.runtime.configured import configured
from shared.runtime.postgres import LOST
from shared.runtime.schema import ChangedMigrationError
from shared.runtime.secret_files import with_password
from shared.runtime.settings import LonewatchSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

WAITS_FOR = 60.0
"""Seconds to wait for a server that is not there yet: one that starts beside this, or recovers from a crash."""

_LOOK_EVERY = 1.0

_REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InsufficientPrivilegeError)
"""What a server says to somebody who is not its administrator."""


class Settings(LonewatchSettings):
    """What the administrator gives; each password as a file, by its variable with ``_FILE``, or as the variable itself."""

    admin_password: SecretStr | None = None
    """The administrator's, where the address does not have it."""
    admin_database: SecretStr
    """Address of any database of the server, by a role that may make roles and databases; ``?sslmode=`` is heeded."""
    checkin_password: SecretStr
    escalation_password: SecretStr
    notifier_password: SecretStr
    audit_password: SecretStr

    @field_validator("admin_database")
    @classmethod
    def _whole(cls, address: SecretStr, info: ValidationInfo) -> SecretStr:
        """Put the password into an address that has none."""
        password = info.data.get("admin_password")
        return (
            SecretStr(with_password(address.get_secret_value(), password.get_secret_value())) if password else address
        )

    def passwords(self) -> dict[str, str]:
        """Return the password of each service's role."""
        return {service: getattr(self, f"{service}_password").get_secret_value() for service in SERVICES}


async def bring_up_to_date(settings: Settings, waits_for: float = WAITS_FOR) -> Sequence[str]:
    """Wait for the server and prepare it; return what was applied. Raises what the server says, and LOST after the wait."""
    until = monotonic() + waits_for
    while True:
        try:
            return await prepare(settings.admin_database.get_secret_value(), settings.passwords(), encrypted=None)
        except LOST as error:
            if monotonic() > until:
                raise
            print(f"The database server is not ready ({type(error).__name__}); trying again.", flush=True)  # noqa: T201 -- a command's own words
            await pause(_LOOK_EVERY)


def run(settings: Settings, waits_for: float = WAITS_FOR) -> int:
    """Prepare the server, say what was done or what is wrong, and return the exit code."""
    try:
        applied = asyncio.run(bring_up_to_date(settings, waits_for))
    except ChangedMigrationError as error:
        return _fail(os.EX_CONFIG, f"{error}. This image is older or newer than the database, or was changed.")
    except _REFUSED as error:
        return _fail(os.EX_NOPERM, f"The server refuses: {error}. See LONEWATCH_ADMIN_DATABASE and its password.")
    except LOST as error:
        return _fail(
            os.EX_UNAVAILABLE,
            f"The database server could not be used within {waits_for:g} s ({type(error).__name__}). See its log.",
        )
    except asyncpg.PostgresError as error:
        return _fail(
            os.EX_SOFTWARE, f"The server could not do it ({error.sqlstate}): {error}. Nothing of that file was kept."
        )
    print(f"Applied {', '.join(applied)}." if applied else "The database is up to date.")  # noqa: T201 -- a command's own words
    return os.EX_OK


def _fail(code: int, sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)  # noqa: T201 -- a command's own words
    return code


def main() -> None:
    """Do it once."""
    sys.exit(run(configured("migrate", Settings)))


if __name__ == "__main__":
    main()
