"""The document that says who may do what is the table that the services go by."""

from pathlib import Path

import pytest

from shared.contracts import permissions, roles
from shared.contracts.permissions import document

DOCUMENT = Path(__file__).parents[2] / "docs" / "permissions.md"


def test_the_document_is_of_today() -> None:
    again = "write it again: python -m shared.contracts.permissions > docs/permissions.md"
    assert DOCUMENT.read_text("utf-8") == document(), again


def test_a_permission_that_is_new_makes_it_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "PERMISSIONS", {**roles.PERMISSIONS, "open_the_door": frozenset({"own"})})
    assert "| `open_the_door` | x |" in document()
    assert DOCUMENT.read_text("utf-8") != document()
