"""Find the installation that is to be verified: a state folder here, or the settings of an audit service. Opens nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from deploy.database import LOG_DATABASE, address
from deploy.local.cluster import read_password
from deploy.local.ports import HOST
from deploy.local.replicas import TREE
from deploy.verify.found import UnverifiableError
from deploy.verify.installation import Target
from services.audit.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def target_of(folder: Path | None) -> Target:
    """Return the installation of a state folder, or of this environment where there is none. Raises UnverifiableError."""
    return _of_environment() if folder is None else _of_folder(folder)


def _of_folder(folder: Path) -> Target:
    try:
        port = (folder / "postgres" / "port").read_text("ascii").strip()
        superuser = f"postgresql://postgres:{read_password(folder / 'postgres')}@{HOST}:{port}/postgres"
        password = (folder / "audit.password").read_text("ascii")
    except (OSError, UnicodeDecodeError):
        raise UnverifiableError(
            f"{folder} holds no installation. Give its folder with --state, or use --environment where audit runs."
        ) from None
    return Target(address(superuser, LOG_DATABASE, "lonewatch_audit", password), folder / TREE)


def _of_environment() -> Target:
    given: dict[str, Any] = {"port": 1}  # nothing listens: the environment of whoever verifies need not name a port
    try:
        settings = Settings(**given)
    except ValidationError as error:
        missing = ", ".join(sorted(f"LONEWATCH_{str(one['loc'][0]).upper()}" for one in error.errors()))
        raise UnverifiableError(
            f"These settings are missing or wrong: {missing}. Set them as audit has them, or give --state."
        ) from None
    except SettingsError as error:
        raise UnverifiableError(str(error)) from None
    if settings.tree_folder is None:
        raise UnverifiableError("No tree is kept here: LONEWATCH_TREE_FOLDER is not set. Set it as audit has it.")
    return Target(settings.database.get_secret_value(), settings.tree_folder)
