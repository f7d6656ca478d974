"""Where a JSON value ends, found while it is written: a string may hold any marker, so its end is counted."""

from __future__ import annotations

import re

_OUTSIDE = re.compile(r'["{}\[\]]')
_INSIDE = re.compile(r'["\\]')


class JsonEnd:
    """One object, array or string, from its first character on. depth: how many brackets are open already."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._in_string = False
        self._escaped = False

    def feed(self, text: str, start: int) -> tuple[int, bool]:
        """How far the text belongs to the value, and whether that is its end."""
        position, size = start, len(text)
        while position < size:
            if self._escaped:
                self._escaped = False
                position += 1
                continue
            found = (_INSIDE if self._in_string else _OUTSIDE).search(text, position)
            if found is None:
                break
            position = found.end()
            if self._ends(found[0]):
                return position, True
        return size, False

    def _ends(self, char: str) -> bool:
        """Whether the value is whole with this character."""
        if char == "\\":
            self._escaped = True
            return False
        if char == '"':
            self._in_string = not self._in_string
        else:
            self._depth += 1 if char in "{[" else -1
        return not self._in_string and self._depth <= 0
