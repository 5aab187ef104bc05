"""Settings of audit: what every service needs, and where the tree of the log is kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from shared.runtime.settings import ServiceSettings

_NAME = re.compile(r"[^\s+\x00-\x1f]{1,200}")
"""What can be in the name of a key, as a signed note has it."""


class Settings(ServiceSettings):
    """Read once, in ``__main__``."""

    tree_folder: Path | None = None
    """Where the tree is kept: outside the log's database, so that a backup of that brings no older tree back."""
    tree_key_file: Path | None = None
    """The key that signs checkpoints: an Ed25519 seed as 64 hexadecimal digits."""
    tree_name: str = "lonewatch"
    """Begins the name of the tree; the incarnation of the log follows."""
    tree_public: bool = False
    """Whether everybody may read the tree without a token. It shows no content, but that something is recorded."""
    sweep_share: float = Field(default=0.05, gt=0, le=1)
    """How much of one core the sweep may take, the database's work for it included."""
    tree_crash_at: str | None = None
    """For tests alone: the crash point of the tree at which this process ends itself, and at which time (``committed:3``)."""

    @field_validator("tree_name")
    @classmethod
    def _names(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("must be a name without spaces and plus signs, as of a place on the web")
        return name

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.tree_folder is None) != (self.tree_key_file is None):
            raise ValueError("LONEWATCH_TREE_FOLDER and LONEWATCH_TREE_KEY_FILE belong together")
        return self
