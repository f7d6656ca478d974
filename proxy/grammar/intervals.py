"""Sets of Unicode code points, as sorted ranges that do not touch: ``[a-cx]`` is ``((97, 99), (120, 120))``.

Surrogates (U+D800 to U+DFFF) are no characters: no set holds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)


class Intervals:
    """An immutable, hashable set of code points with ``&``, ``|``, ``-`` and ``~``."""

    __slots__ = ("_hash", "ranges")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """ranges: (first, last) code points, in any order; they may overlap."""
        self.ranges = tuple(_merged(ranges))
        self._hash = hash(self.ranges)

    @classmethod
    def _sorted(cls, ranges: list[tuple[int, int]]) -> Intervals:
        """Of ranges that are in order and apart, without surrogates."""
        made = cls.__new__(cls)
        made.ranges = tuple(ranges)
        made._hash = hash(made.ranges)
        return made

    @classmethod
    def of(cls, characters: str) -> Intervals:
        """The set of these characters."""
        return cls((ord(char), ord(char)) for char in characters)

    @property
    def size(self) -> int:
        """How many code points there are."""
        return sum(end - start + 1 for start, end in self.ranges)

    @property
    def only(self) -> str:
        """The one character; empty where there are more, or none."""
        if len(self.ranges) != 1:
            return ""
        start, end = self.ranges[0]
        return chr(start) if start == end else ""

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __contains__(self, point: int) -> bool:
        return any(start <= point <= end for start, end in self.ranges)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Intervals) and self.ranges == other.ranges

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Intervals({self.ranges})"

    def __or__(self, other: Intervals) -> Intervals:
        return Intervals(self.ranges + other.ranges)

    def __invert__(self) -> Intervals:
        return ANY - self

    def __and__(self, other: Intervals) -> Intervals:
        found, i, j = [], 0, 0
        ours, theirs = self.ranges, other.ranges
        while i < len(ours) and j < len(theirs):
            (a, b), (c, d) = ours[i], theirs[j]
            if a <= d and c <= b:
                found.append((a if a > c else c, b if b < d else d))
            if b < d:
                i += 1
            else:
                j += 1
        return Intervals._sorted(found)

    def __sub__(self, other: Intervals) -> Intervals:
        left: list[tuple[int, int]] = []
        at = 0
        theirs = other.ranges
        for start, end in self.ranges:
            while at < len(theirs) and theirs[at][1] < start:
                at += 1
            place = at
            while place < len(theirs) and theirs[place][0] <= end:
                first, last = theirs[place]
                if first > start:
                    left.append((start, first - 1))
                start = last + 1
                place += 1
            if start <= end:
                left.append((start, end))
        return Intervals._sorted(left)


def _merged(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Sorted, joined, without surrogates and without what is empty."""
    first = last = -1
    for start, end in sorted(piece for whole in ranges for piece in _without_surrogates(*whole)):
        if first >= 0 and start <= last + 1:
            last = max(last, end)
            continue
        if first >= 0:
            yield first, last
        first, last = start, end
    if first >= 0:
        yield first, last


def _without_surrogates(start: int, end: int) -> list[tuple[int, int]]:
    low, high = _SURROGATES
    if end < low and start <= end:
        return [(start, end)]
    return [(a, b) for a, b in ((start, min(end, low - 1)), (max(start, high + 1), end)) if a <= b]


ANY = Intervals([(0, _LAST)])
ASCII = Intervals([(0, 0x7F)])
BEYOND_ASCII = Intervals([(0x80, _LAST)])
