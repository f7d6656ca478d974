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

_DEEPEST = 6  # nested parentheses, from which on the rest gets a rule


def factored(expr: Expr, outline: Callable[[Expr], Rule], depth: int = 0) -> Expr:
    """The same language. outline: makes a rule of an expression."""
    if isinstance(expr, Sequence):
        if not any(isinstance(part, Choice | Repeat) for part in expr.parts):
            return expr
        return sequence(*(factored(part, outline, depth) for part in expr.parts))
    if isinstance(expr, Repeat):
        return Repeat(factored(expr.body, outline, depth), expr.low, expr.high)
    if not isinstance(expr, Choice):
        return expr
    groups: dict[Hashable, list[Expr]] = {}
    for part in expr.parts:
        groups.setdefault(_first(part), []).append(part)
    if len(groups) == len(expr.parts):
        parts = [factored(part, outline, depth + 1) for part in expr.parts]
        return expr if all(map(is_, parts, expr.parts)) else choice(parts)
    return choice([_joined(group, outline, depth + 1) for group in groups.values()])


def _joined(group: list[Expr], outline: Callable[[Expr], Rule], depth: int) -> Expr:
    """Alternatives that begin alike, as one."""
    if len(group) == 1:
        return factored(group[0], outline, depth)
    rows = [list(_pieces(part)) for part in group]
    common = 0
    while all(len(row) > common and _key(row[common]) == _key(rows[0][common]) for row in rows):
        common += 1
    # A class of one character is a character that readers of literals should not take together with others.
    begin = [next((row[at] for row in rows if isinstance(row[at], Chars)), rows[0][at]) for at in range(common)]
    rest = factored(choice([sequence(*row[common:]) for row in rows]), outline, depth)
    return sequence(*begin, outline(rest) if depth > _DEEPEST and isinstance(rest, Choice) else rest)


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
        return next(chr(start) for start, _ in piece.points) if piece.points.size == 1 else piece.points
    return piece
