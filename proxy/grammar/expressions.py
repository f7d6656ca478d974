"""What a grammar's rule says: literals, characters, other rules, one after the other, one of several, repeated."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from .intervals import Intervals


@dataclass(frozen=True, slots=True)
class Text:
    """These characters."""

    rules: ClassVar[tuple[str, ...]] = ()

    text: str


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of these code points. Beyond ASCII: none, all, or a few."""

    rules: ClassVar[tuple[str, ...]] = ()

    points: Intervals


@dataclass(frozen=True, slots=True)
class Rule:
    """Whatever the rule of this name says."""

    name: str

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that are used, in order."""
        return (self.name,)


class _Compound:
    """parts: hashed once, however often rules and alternatives are compared. rules: the names of those used."""

    __slots__ = ("_hash", "parts", "rules")

    def __init__(self, parts: tuple[Expr, ...]) -> None:
        self.parts = parts
        self.rules: tuple[str, ...] = tuple([name for part in parts for name in part.rules])
        self._hash = hash(parts)

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and self.parts == other.parts)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.parts}"


class Sequence(_Compound):
    """The parts one after the other."""

    __slots__ = ()


class Choice(_Compound):
    """One of the parts; of none: nothing ever matches."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Repeat:
    """low to high times the body; high None: no limit."""

    body: Expr
    low: int
    high: int | None

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that are used."""
        return self.body.rules


Expr = Text | Chars | Rule | Sequence | Choice | Repeat
EMPTY = Text("")
NEVER = Choice(())


def sequence(*parts: Expr | str) -> Expr:
    """The parts one after the other; a string stands for its characters."""
    flat: list[Expr] = []
    for part in parts:
        expr = Text(part) if isinstance(part, str) else part
        if isinstance(expr, Choice) and not expr.parts:
            return NEVER
        for piece in expr.parts if isinstance(expr, Sequence) else (expr,):
            if not isinstance(piece, Text):
                flat.append(piece)
            elif flat and isinstance(flat[-1], Text):
                flat[-1] = Text(flat[-1].text + piece.text)
            elif piece.text:
                flat.append(piece)
    return flat[0] if len(flat) == 1 else Sequence(tuple(flat)) if flat else EMPTY


def letters(text: str) -> Expr:
    """The text, character by character. A reader that takes the longest literal that can begin, and never goes
    back, needs it where other strings may begin in the same way."""
    return sequence(*map(_letter, text))


@lru_cache(maxsize=4096)
def _letter(char: str) -> Chars:
    return Chars(Intervals.of(char))


def choice(parts: Seq[Expr | str]) -> Expr:
    """One of the parts, each of them once."""
    flat: dict[Expr, None] = {}
    for part in parts:
        expr = Text(part) if isinstance(part, str) else part
        flat.update(dict.fromkeys(expr.parts if isinstance(expr, Choice) else (expr,)))
    return next(iter(flat)) if len(flat) == 1 else Choice(tuple(flat))


def repeat(body: Expr, low: int, high: int | None) -> Expr:
    """low to high times the body."""
    if high == 0 or (body == NEVER and low == 0):
        return EMPTY
    if body == NEVER or (low == 1 and high == 1):
        return body
    return Repeat(body, low, high)
