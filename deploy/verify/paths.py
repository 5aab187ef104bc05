"""Tell what a path holds, a tree or a bundle, and verify that."""

from __future__ import annotations

from pathlib import Path

from deploy.verify.bundle import verify_bundle
from deploy.verify.found import Found, UnverifiableError
from deploy.verify.sources import InFolder
from deploy.verify.tree import MOST_NOTE, key_of, opened


def verify_path(path: Path, key: str | None) -> Found:
    """Return what was found of a published tree's folder, or of a bundle. Raises UnverifiableError where it is neither."""
    if not path.exists():
        raise UnverifiableError(f"There is nothing at {path}.")
    return verify_tree(path, key) if path.is_dir() else verify_bundle(path, key)


def verify_tree(folder: Path, key: str | None) -> Found:
    """Return what was found of a published tree; of a tree's whole folder, of what is published in it."""
    found = Found("tree")
    published = folder / "public" if (folder / "public").is_dir() else folder
    source = InFolder(published)
    tree = opened(source, key_of(source, key))
    found.checked |= {"origin": tree.checkpoint.origin, "size": tree.size}
    tree.verify(found)
    return found


def given_key(text: str | None) -> str | None:
    """Return a key that was given as itself, or as the file that holds it. Raises UnverifiableError."""
    if text is None or "+" in text:
        return text
    try:
        with Path(text).open("rb") as file:
            return file.read(MOST_NOTE).decode("ascii", "replace").strip()
    except OSError as error:
        raise UnverifiableError(f"{text} is neither a key nor a file that holds one ({error.strerror}).") from None
