"""Secrets out of files: whatever setting is a secret may come from the file that its variable with ``_FILE`` names.

``LONEWATCH_SMTP_PASSWORD_FILE=/run/secrets/smtp_password`` in the place of ``LONEWATCH_SMTP_PASSWORD``: a variable is seen by
whoever may look at a process or at a container's description, a file by its owner alone. Keeps nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import SecretStr
from pydantic_settings import PydanticBaseSettingsSource, SettingsError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_SUFFIX = "_FILE"
"""The end of a variable's name by which it names a file; PostgreSQL's image has the same."""


class SecretFiles(PydanticBaseSettingsSource):
    """A source of settings that reads the files of secrets. Raises SettingsError for what is no readable, filled file."""

    def __call__(self) -> dict[str, Any]:
        """Return every secret that a file is named for."""
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            secret, _, _ = self.get_field_value(field, name)
            if secret is not None:
                found[name] = secret
        return found

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the secret of one field, or None, with its name; it is never JSON."""
        variable = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        file = os.environ.get(variable + _SUFFIX)
        if not _is_secret(field) or not file:
            return None, field_name, False
        if variable in os.environ:
            raise SettingsError(f"Both {variable} and {variable}{_SUFFIX} are set; leave one of them out.")
        return _read(variable + _SUFFIX, Path(file)), field_name, False


def with_password(address: str, password: str) -> str:
    """Return a database's address with the password of its role. Raises ValueError where it names no role, or has one."""
    parts = urlsplit(address)
    role, _, host = parts.netloc.rpartition("@")
    if not role or ":" in role:
        raise ValueError("must be postgresql://role@host/database, without a password, where that comes by itself")
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{host}"))


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)


def _read(variable: str, file: Path) -> str:
    """Return what a file holds, without the end of its line."""
    try:
        held = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(f"{variable} names {file}, which cannot be read: {why}.") from None
    if not held:
        raise SettingsError(f"{variable} names {file}, which is empty.")
    return held
