"""What a schema asks of a value of each type: of strings, numbers, arrays and objects. ``meet`` is both at
once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from .regex import pattern

if TYPE_CHECKING:
    from .schema import Schema

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Strings:
    """low, high: code points. patterns: all are found in it. refused: none is. excluded: what it is not."""

    low: int = 0
    high: int | None = None
    patterns: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()

    def meet(self, other: Strings) -> Strings:
        """Both."""
        return Strings(
            max(self.low, other.low),
            lower(self.high, other.high),
            self.patterns | other.patterns,
            self.refused | other.refused,
            self.formats | other.formats,
            self.excluded | other.excluded,
        )


@dataclass(frozen=True, slots=True)
class Numbers:
    """low, high: bounds; open: the bound itself is out. integer: whole. multiples: it is one of each of these."""

    low: Decimal | None = None
    low_open: bool = False
    high: Decimal | None = None
    high_open: bool = False
    integer: bool = False
    multiples: frozenset[Decimal] = frozenset()

    def meet(self, other: Numbers) -> Numbers:
        """Both."""
        low, low_open = _bound(max, (self.low, self.low_open), (other.low, other.low_open))
        high, high_open = _bound(min, (self.high, self.high_open), (other.high, other.high_open))
        integer = self.integer or other.integer
        return Numbers(low, low_open, high, high_open, integer, self.multiples | other.multiples)


@dataclass(frozen=True, slots=True)
class ArrayPart:
    """One schema's ``prefixItems`` and ``items``; rest None: anything."""

    prefix: tuple[Schema, ...]
    rest: Schema | None


@dataclass(frozen=True, slots=True)
class Contains:
    """low to high items are like this."""

    schema: Schema
    low: int = 1
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Arrays:
    """low, high: items. parts: each holds."""

    low: int = 0
    high: int | None = None
    parts: tuple[ArrayPart, ...] = ()
    contains: tuple[Contains, ...] = ()
    unique: bool = False

    def meet(self, other: Arrays) -> Arrays:
        """Both."""
        return Arrays(
            max(self.low, other.low),
            lower(self.high, other.high),
            joined(self.parts, other.parts),
            joined(self.contains, other.contains),
            self.unique or other.unique,
        )


@dataclass(frozen=True)
class ObjectPart:
    """One schema's ``properties``, ``patternProperties`` and ``additionalProperties`` (None: not said). lists:
    that these are the object's properties; ``not`` and ``if`` only ask what they are like."""

    properties: tuple[tuple[str, Schema], ...] = ()
    patterns: tuple[tuple[str, Schema], ...] = ()
    additional: Schema | None = None
    lists: bool = True

    @cached_property
    def named(self) -> dict[str, Schema]:
        """The schemas of ``properties``."""
        return dict(self.properties)


@dataclass(frozen=True, slots=True)
class Objects:
    """low, high: properties. parts: each holds. names: what each name is."""

    low: int = 0
    high: int | None = None
    parts: tuple[ObjectPart, ...] = ()
    required: tuple[str, ...] = ()
    forbidden: frozenset[str] = frozenset()
    names: tuple[Schema, ...] = ()

    def meet(self, other: Objects) -> Objects:
        """Both."""
        return Objects(
            max(self.low, other.low),
            lower(self.high, other.high),
            joined(self.parts, other.parts),
            joined(self.required, other.required),
            self.forbidden | other.forbidden,
            joined(self.names, other.names),
        )

    def at(self, name: str) -> tuple[tuple[Schema, ...], bool]:
        """What the value of this name must be; False: and perhaps more, that a pattern could not tell."""
        found: list[Schema] = []
        certain = True
        for part in self.parts:
            said = [part.named[name]] if name in part.named else []
            for source, schema in part.patterns:
                matching, exact = pattern(source)
                if matching.accepts(name):
                    certain = certain and exact
                    said += [schema] if exact else []
            if not said and part.additional is not None:
                said = [part.additional]
            found += said
        return tuple(found), certain


def lower(a: int | None, b: int | None) -> int | None:
    """The lower of two upper limits; None is none."""
    return b if a is None else a if b is None else min(a, b)


def joined(a: tuple[_T, ...], b: tuple[_T, ...]) -> tuple[_T, ...]:
    """Both, each once, in order."""
    return tuple(dict.fromkeys(a + b)) if b else a


_Bound = tuple[Decimal | None, bool]


def _bound(pick: Callable[[Decimal, Decimal], Decimal], a: _Bound, b: _Bound) -> _Bound:
    """The tighter of two bounds; of two equal ones the open one."""
    if a[0] is None or b[0] is None:
        return b if a[0] is None else a
    if a[0] == b[0]:
        return a[0], a[1] or b[1]
    return a if pick(a[0], b[0]) == a[0] else b
