"""What a grammar's rule says: literals, characters, other rules, one after the other, one of several, repeated."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import lru_cache

from .intervals import Intervals


@dataclass(frozen=True, slots=True)
class Text:
    """These characters."""

    text: str


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of these code points. Beyond ASCII: none, all, or a few."""

    points: Intervals


@dataclass(frozen=True, slots=True)
class Rule:
    """Whatever the rule of this name says."""

    name: str


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the parts; of none: nothing ever matches."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """low to high times the body; high None: no limit."""

    body: Expr
    low: int
    high: int | None


Expr = Text | Chars | Rule | Sequence | Choice | Repeat
EMPTY = Text("")
NEVER = Choice(())


def sequence(*parts: Expr | str) -> Expr:
    """The parts one after the other; a string stands for its characters."""
    flat: list[Expr] = []
    for part in parts:
        expr = Text(part) if isinstance(part, str) else part
        if expr == NEVER:
            return NEVER
        for piece in expr.parts if isinstance(expr, Sequence) else (expr,):
            if isinstance(piece, Text) and flat and isinstance(flat[-1], Text):
                flat[-1] = Text(flat[-1].text + piece.text)
            elif piece != EMPTY:
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
