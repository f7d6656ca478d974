"""Whether two cases can ever hold together: what makes a ``oneOf`` the same as an ``anyOf``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .case import Case
from .clock import Clock
from .facets import Numbers, Objects
from .json_value import Value
from .schema import Schema

_DEEPEST = 4  # properties inside of properties that are looked into


class Disjoint:
    """cases: the ways to satisfy schemas together."""

    def __init__(self, cases: Callable[[tuple[Schema, ...]], tuple[Case, ...]], clock: Clock) -> None:
        self._cases = cases
        self._clock = clock

    def rivals(self, groups: Sequence[Sequence[Case]], most: int) -> list[list[int]]:
        """For each group the numbers of those that may hold together with it; where they are more than most, not
        all of them."""
        found: list[list[int]] = [[] for _ in groups]
        if self._told_apart(groups):
            return found
        for index, ours in enumerate(groups):
            self._clock.check()
            for other in range(index):
                if min(len(found[index]), len(found[other])) > most:
                    continue
                if not self.groups(ours, groups[other]):
                    found[index].append(other)
                    found[other].append(index)
        return found

    def _told_apart(self, groups: Sequence[Sequence[Case]]) -> bool:
        """Whether one required property has values of its own in each of the groups: nothing else has to be
        looked at, however many there are."""
        names = dict.fromkeys(name for case in groups[0] for name in case.objects.required)
        return any(self._tells_apart(name, groups) for name in names)

    def _tells_apart(self, name: str, groups: Sequence[Sequence[Case]]) -> bool:
        taken: set[Value] = set()
        for group in groups:
            ours: set[Value] = set()
            for case in group:
                if case.types != {"object"} or case.values is not None or name not in case.objects.required:
                    return False
                for inner in self._cases(case.objects.at(name)[0]):
                    if inner.values is None:
                        return False
                    ours.update(inner.values)
            if not taken.isdisjoint(ours):
                return False
            taken |= ours
        return True

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
