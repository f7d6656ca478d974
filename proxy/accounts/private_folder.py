"""Folders of what is nobody else's business: a path in, a folder that only its owner can enter out."""

from __future__ import annotations

from pathlib import Path


def make_private(folder: Path) -> None:
    """Makes the folder and those above it that are missing; one that is there keeps the mode that somebody gave
    it. Raises OSError."""
    if folder.is_dir():
        return
    make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
