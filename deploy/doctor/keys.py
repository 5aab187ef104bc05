"""Whether the operator's key is there, safe, and the one that persons' keys were wrapped with."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from deploy.doctor.finding import Finding, error, ok
from shared.runtime.sealing import WrongWrappingKeyError, read_wrapping_key

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.doctor.target import Target
    from shared.runtime.postgres import Connection

# Something that was wrapped: an installation's secret is there from its first start on.
WRAPPED = "SELECT wrapped FROM secret UNION ALL (SELECT wrapped FROM key LIMIT 1) LIMIT 1"

_RESTORE = "Restore it from your backup: without it no name, number or address can be read."


async def file_is_well(target: Target) -> list[Finding]:
    """Look at the file, without the database."""
    path = target.any.wrapping_key_file
    if not path.exists():
        return [error("wrapping_key_missing", f"The wrapping key {path} is not there.", _RESTORE)]
    findings = _exposed(path, local=target.folder is not None)
    try:
        read_wrapping_key(path)
    except WrongWrappingKeyError:
        findings.append(
            error("wrapping_key_malformed", f"The wrapping key {path} does not hold 64 hexadecimal digits.", _RESTORE)
        )
    return findings or [ok("wrapping_key_kept", "The wrapping key is there, and kept from others.")]


def _exposed(path: Path, *, local: bool) -> list[Finding]:
    """Say who else may open the file. Services that ``up`` did not start, as in containers, may read it by their group."""
    rights = stat.S_IMODE(path.stat().st_mode)
    if local and rights & (stat.S_IRWXG | stat.S_IRWXO):
        return [error("wrapping_key_exposed", f"Others than its owner may read or change {path}.", f"chmod 600 {path}")]
    if rights & (stat.S_IWGRP | stat.S_IRWXO):
        return [
            error(
                "wrapping_key_exposed",
                f"Others than its owner and its group may read or change {path}, or its group may change it.",
                f"chmod g-w,o-rwx {path}",
            )
        ]
    return []


async def file_opens_what_is_stored(target: Target, keys: Connection) -> list[Finding]:
    """Open something that was wrapped."""
    wrapped = await keys.fetchval(WRAPPED)
    try:
        if wrapped is not None:
            aes_key_unwrap(read_wrapping_key(target.any.wrapping_key_file), wrapped)
    except WrongWrappingKeyError:
        return []  # said already
    except InvalidUnwrap:
        return [
            error(
                "wrapping_key_wrong",
                "The wrapping key is not the one that the stored keys were wrapped with.",
                _RESTORE,
            )
        ]
    return [ok("wrapping_key_fits", "The wrapping key opens what is stored.")]
