"""Expressions in, EBNF text out: the subset of GBNF that every reader takes.

::

    root ::= "{" name "}"
    name ::= "\\x22name\\x22: " s1
    s1 ::= "\\"" | [a-z] s1 | "\\\\" e s1

One rule a line, ASCII names, literals, classes of ASCII characters (or ASCII and everything beyond), ``|``, ``*
+ ?`` and ``{m,n}``. XGrammar 0.1.25, 0.1.30 and 0.2.8 and llguidance disagree on anything else. Rules that can
never finish are found and left out: an engine would take them, and then mask every token.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from collections.abc import Sequence as Seq
from functools import lru_cache
from itertools import count

from .expressions import (
    EMPTY,
    NEVER,
    Chars,
    Choice,
    Expr,
    Repeat,
    Rule,
    Sequence,
    Text,
    choice,
    letters,
    repeat,
    sequence,
)
from .factored import factored
from .intervals import ASCII, BEYOND_ASCII, Intervals

__all__ = [
    "EMPTY",
    "NEVER",
    "Chars",
    "Choice",
    "Expr",
    "Grammar",
    "Repeat",
    "Rule",
    "Sequence",
    "Text",
    "TooLarge",
    "Unsatisfiable",
    "choice",
    "letters",
    "repeat",
    "sequence",
]

MOST_RULES = 3000  # XGrammar 0.1.25 reads rules in quadratic time: 3,000 take it 0.9 s
_SPELLED = 16  # so many characters beyond ASCII are written one by one


class Unsatisfiable(ValueError):
    """No text at all matches the grammar."""


class TooLarge(ValueError):
    """The grammar would have more rules than an engine can be asked to read."""


class Grammar:
    """Collects rules. Each has a fresh name and is defined once. tick: called for each of them; it may raise to
    put an end to it."""

    def __init__(self, tick: Callable[[], None] = lambda: None) -> None:
        self._tick = tick
        self._bodies: dict[str, Expr] = {}
        self._shared: dict[Hashable, Rule] = {}
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._bodies)

    def fresh(self, hint: str = "r") -> Rule:
        """A rule that is to be defined. hint: lower-case letters that begin its name."""
        self._tick()
        return Rule(f"{hint}{next(self._numbers)}")

    def define(self, rule: Rule, body: Expr) -> Rule:
        """Says what the rule stands for."""
        self._bodies[rule.name] = body
        return rule

    def rule(self, body: Expr, hint: str = "r") -> Rule:
        """The rule that stands for the body; the same body has the same rule."""
        return self.shared(body, lambda: body, hint)

    def shared(self, key: Hashable, build: Callable[[], Expr], hint: str = "r") -> Rule:
        """The rule of this key; built when it is asked for first. A build may ask for its own key: recursion."""
        found = self._shared.get(key)
        if found is None:
            found = self._shared[key] = self.fresh(hint)
            self.define(found, build())
        return found

    def impossible(self, exprs: Seq[Expr]) -> list[int]:
        """Those, by their places, that no text matches."""
        finishing = self._finishing()
        return [place for place, expr in enumerate(exprs) if not _finishes(expr, finishing)]

    def text(self, root: Expr) -> str:
        """The grammar that begins at root, without what cannot be reached or cannot finish.
        Raises Unsatisfiable where that leaves nothing, TooLarge past MOST_RULES."""
        bodies = self._reachable(root)
        if len(bodies) > MOST_RULES:
            raise TooLarge(f"it takes {len(bodies)} grammar rules; at most {MOST_RULES} are allowed")
        return "".join(f"{name} ::= {_written(body)}\n" for name, body in bodies.items())

    def _reachable(self, root: Expr) -> dict[str, Expr]:
        finishing = self._finishing()
        if not _finishes(root, finishing):
            raise Unsatisfiable
        whole = len(finishing) == len(self._bodies)

        def settled(body: Expr) -> Expr:
            return factored(body if whole else _pruned(body, finishing), outline)

        def outline(body: Expr) -> Rule:
            rule = self.rule(body)
            finishing.add(rule.name)
            return rule

        bodies = {"root": settled(root)}
        waiting = [bodies["root"]]
        while waiting:
            for name in _names(waiting.pop()):
                if name not in bodies:
                    bodies[name] = settled(self._bodies[name])
                    waiting.append(bodies[name])
        return bodies

    def _finishing(self) -> set[str]:
        """The rules from which some finite text can be made: the least fixed point, by a work list."""
        used_by: dict[str, list[str]] = {}
        for name, body in self._bodies.items():
            for used in _names(body):
                used_by.setdefault(used, []).append(name)
        finishing: set[str] = set()
        waiting = list(self._bodies)
        while waiting:
            name = waiting.pop()
            if name not in finishing and _finishes(self._bodies[name], finishing):
                finishing.add(name)
                waiting.extend(used_by.get(name, ()))
        return finishing


def _names(expr: Expr) -> Iterator[str]:
    if isinstance(expr, Rule):
        yield expr.name
    elif isinstance(expr, Sequence | Choice):
        for part in expr.parts:
            yield from _names(part)
    elif isinstance(expr, Repeat):
        yield from _names(expr.body)


def _finishes(expr: Expr, finishing: set[str]) -> bool:
    if isinstance(expr, Rule):
        return expr.name in finishing
    if isinstance(expr, Sequence):
        return all(_finishes(part, finishing) for part in expr.parts)
    if isinstance(expr, Choice):
        return any(_finishes(part, finishing) for part in expr.parts)
    if isinstance(expr, Repeat):
        return expr.low == 0 or _finishes(expr.body, finishing)
    return isinstance(expr, Text) or bool(expr.points)


def _pruned(expr: Expr, finishing: set[str]) -> Expr:
    """An expression that finishes, without the alternatives that do not."""
    if isinstance(expr, Sequence):
        return sequence(*(_pruned(part, finishing) for part in expr.parts))
    if isinstance(expr, Choice):
        return choice([_pruned(part, finishing) for part in expr.parts if _finishes(part, finishing)])
    if isinstance(expr, Repeat):
        if not _finishes(expr.body, finishing):
            return EMPTY
        return Repeat(_pruned(expr.body, finishing), expr.low, expr.high)
    return expr


def _written(expr: Expr, inside: bool = False) -> str:
    """inside: part of a larger expression, so that a choice needs parentheses."""
    if isinstance(expr, Rule):
        return expr.name
    if isinstance(expr, Text):
        return _literal(expr.text)
    if isinstance(expr, Chars):
        return _characters(expr.points)
    if isinstance(expr, Sequence):
        return " ".join(_written(part, inside=True) for part in expr.parts)
    if isinstance(expr, Choice):
        text = " | ".join(_written(part) for part in expr.parts)
        return f"({text})" if inside else text
    single = isinstance(expr.body, Rule | Chars)
    return (_written(expr.body, inside=True) if single else f"({_written(expr.body)})") + _count(expr)


def _count(expr: Repeat) -> str:
    known = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((expr.low, expr.high))
    if known:
        return known
    if expr.low == expr.high:
        return f"{{{expr.low}}}"
    return f"{{{expr.low},{'' if expr.high is None else expr.high}}}"


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _literal(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(char, char) for char in text) + '"'


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
