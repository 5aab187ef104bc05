"""The AsyncAPI document of this release, with the words that stand in the contracts' sources under their fields.

Reads those sources, which the contracts themselves never do.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING

import shared.contracts
from shared.contracts.asyncapi import asyncapi_text
from shared.runtime.settings import RELEASE

if TYPE_CHECKING:
    from shared.contracts.asyncapi_messages import Docs

_NONE = re.compile(r"\bNone\b")
"""What JSON calls null."""


def document_text() -> str:
    """Return docs/asyncapi.json as it is to be."""
    return asyncapi_text(RELEASE, field_docs())


def field_docs() -> Docs:
    """Return what the sources say under the fields of each class, as one line each."""
    names = [found.name for found in pkgutil.iter_modules(shared.contracts.__path__, "shared.contracts.")]
    return {name: dict(fields) for module in map(import_module, names) for name, fields in _classes(module)}


def _classes(module: ModuleType) -> Iterator[tuple[str, Iterator[tuple[str, str]]]]:
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef):
            yield node.name, _fields(node)


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield each field under which a text stands."""
    for field, below in pairwise(node.body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                yield name, _NONE.sub("null", " ".join(text.split()))
            case _:
                pass
