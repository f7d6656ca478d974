"""An expression in, its EBNF text out."""

from __future__ import annotations

from functools import lru_cache

from .expressions import Chars, Choice, Expr, Repeat, Rule, Sequence, Text
from .intervals import ASCII, BEYOND_ASCII, Intervals

_SPELLED = 16  # so many characters beyond ASCII are written one by one


class Ebnf:
    """Writes the rules of one grammar; what many of them have is written once."""

    def __init__(self) -> None:
        self._choices: dict[Choice, str] = {}

    def text(self, expr: Expr) -> str:
        """What stands behind ``::=``. Raises ValueError for characters that have no portable spelling."""
        if isinstance(expr, Choice):
            return " | ".join([self.text(part) for part in expr.parts])
        if isinstance(expr, Sequence):
            return " ".join([self._part(part) for part in expr.parts])
        return self._part(expr)

    def _part(self, expr: Expr) -> str:
        """As a part of a larger expression."""
        if isinstance(expr, Rule):
            return expr.name
        if isinstance(expr, Chars):
            return _characters(expr.points)
        if isinstance(expr, Text):
            return f'"{expr.text.translate(_ESCAPES)}"'
        if isinstance(expr, Repeat):
            single = isinstance(expr.body, _SINGLE)
            return (self._part(expr.body) if single else f"({self.text(expr.body)})") + _count(expr)
        if isinstance(expr, Sequence):
            return self.text(expr)
        found = self._choices.get(expr)
        if found is None:
            found = self._choices[expr] = f"({self.text(expr)})"
        return found


def _count(expr: Repeat) -> str:
    known = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((expr.low, expr.high))
    if known:
        return known
    if expr.low == expr.high:
        return f"{{{expr.low}}}"
    return f"{{{expr.low},{'' if expr.high is None else expr.high}}}"


_SINGLE = (Rule, Chars)
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@lru_cache(maxsize=4096)
def _characters(points: Intervals) -> str:
    low, high = points & ASCII, points & BEYOND_ASCII
    if high == BEYOND_ASCII:
        left = ASCII - points
        return f"[^{_class(left)}]" if left else "([\\x00-\\x7f] | [^\\x00-\\x7f])"
    if not high:
        return f"[{_class(low)}]"
    if high.size > _SPELLED:
        raise ValueError("a class of some, but not all, characters beyond ASCII is not portable")
    spelled = [f'"{chr(point)}"' for start, end in high for point in range(start, end + 1)]
    return f"({' | '.join(([f'[{_class(low)}]'] if low else []) + spelled)})"


def _class(points: Intervals) -> str:
    """Letters and digits first and raw: XGrammar takes hex digits that follow an escape for part of it."""
    plain = [f"{chr(a)}-{chr(b)}" if b > a else chr(a) for a, b in points if _plain_range(a, b)]
    coded = [f"\\x{a:02x}-\\x{b:02x}" if b > a else f"\\x{a:02x}" for a, b in points if not _plain_range(a, b)]
    return "".join(plain + coded)


def _plain_range(start: int, end: int) -> bool:
    return any(a <= start and end <= b for a, b in ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)))
