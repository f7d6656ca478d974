"""Whether two cases can ever hold together: what makes a ``oneOf`` the same as an ``anyOf``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .case import Case
from .facets import Numbers, Objects
from .schema import Schema

_DEEPEST = 4  # properties inside of properties that are looked into


class Disjoint:
    """cases: the ways to satisfy schemas together."""

    def __init__(self, cases: Callable[[tuple[Schema, ...]], tuple[Case, ...]]) -> None:
        self._cases = cases

    def groups(self, ours: Sequence[Case], theirs: Sequence[Case], depth: int = 0) -> bool:
        """True: no value satisfies one of ours and one of theirs. False: perhaps some does."""
        return all(self._pair(a, b, depth) for a in ours for b in theirs)

    def _pair(self, a: Case, b: Case, depth: int) -> bool:
        if a.values is not None and b.values is not None:
            return set(a.values).isdisjoint(b.values)
        if a.values is not None or b.values is not None:
            listed, other = (a, b) if a.values is not None else (b, a)
            return all(value.kind not in other.types or value in other.refused for value in listed.values or ())
        return all(self._of_type(kind, a, b, depth) for kind in a.types & b.types)

    def _of_type(self, kind: str, a: Case, b: Case, depth: int) -> bool:
        if kind == "number":
            return _apart(a.numbers, b.numbers) or _apart(b.numbers, a.numbers)
        if kind == "string":
            return _counts_apart(a.strings.low, a.strings.high, b.strings.low, b.strings.high)
        if kind == "array":
            return _counts_apart(a.arrays.low, a.arrays.high, b.arrays.low, b.arrays.high)
        return kind == "object" and self._objects(a.objects, b.objects, depth)

    def _objects(self, a: Objects, b: Objects, depth: int) -> bool:
        required = dict.fromkeys(a.required + b.required)
        if not (a.forbidden | b.forbidden).isdisjoint(required):
            return True
        if depth >= _DEEPEST:
            return False
        return any(
            self.groups(self._cases(a.at(name)[0]), self._cases(b.at(name)[0]), depth + 1) for name in required
        )


def _apart(low: Numbers, high: Numbers) -> bool:
    """The first ends before the second begins."""
    if low.high is None or high.low is None:
        return False
    return low.high < high.low or (low.high == high.low and (low.high_open or high.low_open))


def _counts_apart(low: int, high: int | None, other_low: int, other_high: int | None) -> bool:
    return (high is not None and high < other_low) or (other_high is not None and other_high < low)
