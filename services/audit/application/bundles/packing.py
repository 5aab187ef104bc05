"""Pack files into a zip: the same files give the same bytes."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every file: the first that a zip can say. When the bundle was made stands in its manifest."""

_UNIX = 3
_READABLE = 0o100644 << 16
"""A plain file that everybody may read, as zip programs take it."""


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of files, in the order of their names."""
    content = BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in sorted(files.items()):
            about = ZipInfo(name, _TIME)
            about.compress_type, about.create_system, about.external_attr = ZIP_DEFLATED, _UNIX, _READABLE
            archive.writestr(about, data)
    return content.getvalue()
