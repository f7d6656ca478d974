"""What the scripted engines gave for each request, in a file that several processes have in their memory."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import NamedTuple

_SLOT = struct.Struct("<QII")


class Slot(NamedTuple):
    """ids: given so far. begun, ended: generations."""

    ids: int = 0
    begun: int = 0
    ended: int = 0


class Slots:
    """count: how many requests there are; their numbers begin at 0. A request is one process's."""

    def __init__(self, path: Path, count: int) -> None:
        size = count * _SLOT.size
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), size)

    def add(self, number: int, *, ids: int = 0, begun: int = 0, ended: int = 0) -> Slot:
        """Returns the new state."""
        old = self.of(number)
        new = Slot(old.ids + ids, old.begun + begun, old.ended + ended)
        _SLOT.pack_into(self._memory, number * _SLOT.size, *new)
        return new

    def of(self, number: int) -> Slot:
        return Slot(*_SLOT.unpack_from(self._memory, number * _SLOT.size))
