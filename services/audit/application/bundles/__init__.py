"""The bundle of a visit: one file that proves what happened, to somebody who has nothing else of Lonewatch.

``handing_out`` puts it together; ``opening`` discloses the keys of single fields, ``proving`` takes what the tree has,
``paper`` is the timeline to read and print, ``packing`` the zip.
"""

from __future__ import annotations

from services.audit.application.bundles.handing_out import Bundles

__all__ = ["Bundles"]
