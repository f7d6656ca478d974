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

from collections.abc import Callable, Hashable
from collections.abc import Sequence as Seq
from itertools import count

from .ebnf import Ebnf
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
from .factored import Factoring

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
        self._finishing: set[str] = set()
        self._branching: set[Choice] = set()
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

    def factored(self, body: Expr) -> Expr:
        """The same, with what alternatives have in common at their beginning written once."""
        # To keep it would be a circle: large grammars would wait for the collector.
        return Factoring(self._outline, self._branching).factored(body)

    def impossible(self, exprs: Seq[Expr]) -> list[int]:
        """Those, by their places, that no text matches."""
        finishing = self._found_finishing()
        return [place for place, expr in enumerate(exprs) if not _finishes(expr, finishing)]

    def text(self, root: Expr) -> str:
        """The grammar that begins at root, without what cannot be reached or cannot finish.
        Raises Unsatisfiable where that leaves nothing, TooLarge past MOST_RULES."""
        bodies = self._reachable(root)
        ebnf = Ebnf()
        return "".join([f"{name} ::= {ebnf.text(body)}\n" for name, body in bodies.items()])

    def _reachable(self, root: Expr) -> dict[str, Expr]:
        self._finishing = finishing = self._found_finishing()
        if not _finishes(root, finishing):
            raise Unsatisfiable
        whole = len(finishing) == len(self._bodies)

        def settled(body: Expr) -> Expr:
            return self.factored(body if whole else _pruned(body, finishing))

        bodies = {"root": settled(root)}
        waiting = [bodies["root"]]
        while waiting:
            if len(bodies) > MOST_RULES:
                raise TooLarge(f"it takes more than {MOST_RULES} grammar rules")
            for name in waiting.pop().rules:
                if name not in bodies:
                    bodies[name] = settled(self._bodies[name])
                    waiting.append(bodies[name])
        return bodies

    def _outline(self, body: Expr) -> Rule:
        """A rule for what is left of one that finishes."""
        rule = self.rule(body)
        self._finishing.add(rule.name)
        return rule

    def _found_finishing(self) -> set[str]:
        """The rules from which some finite text can be made: the least fixed point, by a work list."""
        finishing: set[str] = set()
        waiting: list[str] = []
        used_by: dict[str, list[str]] = {}
        for name, body in self._bodies.items():
            if _finishes(body, finishing):
                finishing.add(name)
                continue
            waiting.append(name)
            for used in body.rules:
                used_by.setdefault(used, []).append(name)
        while waiting:
            name = waiting.pop()
            if name not in finishing and _finishes(self._bodies[name], finishing):
                finishing.add(name)
                waiting.extend(used_by.get(name, ()))
        return finishing


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
