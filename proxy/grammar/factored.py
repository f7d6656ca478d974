"""Alternatives that begin alike in, the same with their common beginning written once out.

``"logical" | "local"`` becomes ``"lo" ("gical" | "cal")``. XGrammar 0.1.30 makes one automaton of a rule, and
shares beginnings and ends among its alternatives. Where a shared beginning branches, it may take two states for
one that only have a way on in common: ``"vegetarian" | "vegan"`` then takes ``vegetarietarian``, too. Alternatives
whose first characters differ branch at the start only, which it reads as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from operator import is_

from .expressions import Chars, Choice, Expr, Repeat, Rule, Sequence, Text, choice, sequence

_SINGLE = (Text, Chars, Rule)
_LARGE = (Choice, Repeat)
_DEEPEST = 6  # nested parentheses, from which on the rest gets a rule


class Factoring:
    """outline: makes a rule of an expression. branching: takes those that branch at their start only, all through,
    and need not be looked at again."""

    def __init__(self, outline: Callable[[Expr], Rule], branching: set[Choice]) -> None:
        self._outline = outline
        self._branching = branching

    def factored(self, expr: Expr, depth: int = 0) -> Expr:
        """The same language. depth: of parentheses around it."""
        if isinstance(expr, _SINGLE):
            return expr
        if isinstance(expr, Sequence):
            parts = [self.factored(part, depth) if isinstance(part, _LARGE) else part for part in expr.parts]
            return expr if all(map(is_, parts, expr.parts)) else sequence(*parts)
        if isinstance(expr, Repeat):
            return Repeat(self.factored(expr.body, depth), expr.low, expr.high)
        if expr in self._branching:
            return expr
        groups: dict[Hashable, list[Expr]] = {}
        for part in expr.parts:
            groups.setdefault(_first(part), []).append(part)
        parts = [
            self._joined(group, depth + 1) if len(group) > 1 else self.factored(group[0], depth + 1)
            for group in groups.values()
        ]
        found = expr if len(parts) == len(expr.parts) and all(map(is_, parts, expr.parts)) else choice(parts)
        if isinstance(found, Choice):
            self._branching.add(found)
        return found

    def _joined(self, group: list[Expr], depth: int) -> Expr:
        """Alternatives that begin alike, as one."""
        rows = [list(_pieces(part)) for part in group]
        common = 0
        while all(len(row) > common and _key(row[common]) == _key(rows[0][common]) for row in rows):
            common += 1
        # A class of one character is a character that readers of literals should not take together with others.
        begin = [
            next((row[at] for row in rows if isinstance(row[at], Chars)), rows[0][at]) for at in range(common)
        ]
        rest = self.factored(choice([sequence(*row[common:]) for row in rows]), depth)
        return sequence(*begin, self._outline(rest) if depth > _DEEPEST and isinstance(rest, Choice) else rest)


def _first(expr: Expr) -> Hashable:
    piece = expr.parts[0] if isinstance(expr, Sequence) else expr
    return piece.text[:1] if isinstance(piece, Text) else _key(piece)


def _pieces(expr: Expr) -> Iterator[Expr]:
    """The expression piece by piece, of texts character by character."""
    for part in expr.parts if isinstance(expr, Sequence) else (expr,):
        if isinstance(part, Text):
            yield from map(Text, part.text)
        else:
            yield part


def _key(piece: Expr) -> Hashable:
    """What it has in common with pieces that read the same."""
    if isinstance(piece, Text):
        return piece.text
    if isinstance(piece, Rule):
        return (piece.name,)
    if isinstance(piece, Chars):
        return piece.points.only or piece.points
    return piece
