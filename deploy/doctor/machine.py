"""Whether this machine has room for what an installation keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.doctor.finding import Finding, error, ok

if TYPE_CHECKING:
    from deploy.doctor.target import Target

LEAST = 1024**3
"""Bytes that have to be free: PostgreSQL stops when there is no room for its journal, of up to 1 GB by itself."""

LEAST_SHARE = 0.02
"""Share of the disk that has to be free: large disks fill fast, too."""


async def disk_has_room(target: Target) -> list[Finding]:
    """Measure the disk of a local installation; a server elsewhere is its administrator's."""
    if target.folder is None:
        return []
    free, total = target.usage(target.folder)
    if free < LEAST or free < LEAST_SHARE * total:
        return [
            error(
                "disk_nearly_full",
                f"The disk of {target.folder} has {free // 1024**2} MB left.",
                "Free some room, or move the folder to a larger disk: without room nothing more is recorded.",
            )
        ]
    return [ok("disk_has_room", f"The disk of {target.folder} has {free // 1024**2} MB left.")]
