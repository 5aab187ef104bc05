"""Read a process's settings; what is missing or wrong is said in one line, with the names of variables and no value."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TypeVar

import structlog
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError

from shared.runtime.telemetry import configure_logging

if TYPE_CHECKING:
    from typing import NoReturn

Kind = TypeVar("Kind", bound=BaseSettings)

log = structlog.get_logger()


def configured(name: str, kind: type[Kind]) -> Kind:
    """Return the settings of a process, or end it with EX_CONFIG: starting it again would help nobody."""
    try:
        return kind()
    except (ValidationError, SettingsError) as error:
        cannot_start(name, what_is_wrong(error))


def cannot_start(name: str, reason: str) -> NoReturn:
    """Say in one line why a process does not start, and end it."""
    configure_logging(name, os.environ.get("LONEWATCH_REPLICA", "1"))
    log.critical("cannot_start", reason=reason)
    sys.exit(os.EX_CONFIG)


def what_is_wrong(error: ValidationError | SettingsError) -> str:
    """Return a sentence that names the variables at fault. It never quotes what stands in them."""
    if isinstance(error, SettingsError):
        return str(error)
    wrong = "; ".join(f"{_variable(one['loc'])}: {one['msg'].lower()}" for one in error.errors(include_input=False))
    return f"These settings are missing or wrong: {wrong}."


def _variable(where: tuple[int | str, ...]) -> str:
    """Return the name of a setting's variable, and where in its value what is wrong stands."""
    first, *rest = where or ("…",)
    return " ".join([f"LONEWATCH_{first}".upper(), *map(str, rest)])
