"""SHA-256 digests of large files, which take seconds to compute, remembered::

CACHE/digests/<SHA-256 of the path>.json    {"mark": "<size> <two times of change>", "sha256": "b179c952..."}
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path


class Digests:
    """folder: where they are remembered; nothing is while it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, file: Path, compute: Callable[[Path], str]) -> str:
        """The digest of a file: what `compute` says of it, asked only once as long as the file is as it was.

        Raises OSError for a file that is not there.
        """
        file = file.resolve()
        place = self._folder / f"{hashlib.sha256(bytes(file)).hexdigest()}.json"
        mark = _mark(file)
        known = _read(place)
        if known.get("mark") != mark:
            # The mark is of the file before it was read: one that changes meanwhile will not fit it.
            known = {"mark": mark, "sha256": compute(file)}
            with contextlib.suppress(OSError):  # it is computed again next time
                _write(place, known)
        return known["sha256"]


def _mark(file: Path) -> str:
    """What changes with the file: its size and both of its times, of which programs can set only one."""
    status = file.stat()
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _read(place: Path) -> dict[str, str]:
    """What is remembered; nothing where that is nothing or damaged."""
    try:
        known = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) and isinstance(known.get("sha256"), str) else {}


def _write(place: Path, known: dict[str, str]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_suffix(f".{secrets.token_hex(4)}")
    new.write_text(json.dumps(known), encoding="utf-8")
    new.replace(place)
