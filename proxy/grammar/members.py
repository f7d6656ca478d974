"""The properties of an object in, its grammar out: a table of states, made from the end.

A state is which declared property is next, and how many there are so far, as far as that matters. Other properties
come after a declared one, or first, and only then: so that there is one way to read an object::

"{" (a (", " b)? | b) "}"     with a and b optional, as  "{" ("a: 1" r1 | "b: 1" r2 | "}")  r1 ::= ", b: 1" r2 |
r2
"""

from __future__ import annotations

from dataclasses import dataclass

from .rules import NEVER, Choice, Expr, Grammar, Sequence, Text, choice, letters, repeat, sequence

MOST_RULES = 2000  # of one table
_LONG = 64  # parts of a sequence, which each member before it would copy
_MANY = 16  # alternatives of a choice, likewise


@dataclass(frozen=True, slots=True)
class Member:
    """A declared property. name: in quotes."""

    name: str
    value: Expr
    required: bool


@dataclass(frozen=True, slots=True)
class Members:
    """declared: in order. extra: any other property, NEVER if there is none. anywhere: others come between
    declared ones, too. low, high: how many there are in all. top: so many are told apart from fewer."""

    declared: list[Member]
    extra: Expr
    anywhere: bool
    low: int
    high: int | None
    top: int

    @property
    def rules(self) -> int:
        """How many rules the table takes, nearly."""
        return len(self.declared) * self.top * (2 if self.anywhere else 1)

    def key(self, name: str) -> Expr:
        """Where other names may come, declared ones are written so that they can begin alike."""
        return Text(name) if self.extra == NEVER else letters(name)


def in_any_order(grammar: Grammar, members: Members) -> Expr:
    """Any of the properties, braces included, as often as may be: what is too large for a table."""
    pairs = [sequence(members.key(member.name), ": ", member.value) for member in members.declared]
    pair = grammar.rule(choice([*pairs, members.extra]), "o")
    return choice(["{}", sequence("{", pair, repeat(sequence(", ", pair), 0, None), "}")])


class Table:
    """The properties in order, braces included."""

    def __init__(self, grammar: Grammar, members: Members) -> None:
        self._grammar = grammar
        self._members = members

    def expr(self) -> Expr:
        members = self._members
        # By count: what follows where a declared property or the end is next; and where another may be, too.
        plain: list[Expr] = [Text("}") if count >= members.low else NEVER for count in range(members.top + 1)]
        after = self._with_extras(plain)
        plain = plain if members.anywhere else after
        for member in reversed(members.declared):
            plain = [self._before(member, count, plain[count], after) for count in range(members.top + 1)]
            after = self._with_extras(plain) if members.anywhere else plain
        return sequence("{", after[0])

    def _next(self, count: int) -> int | None:
        """The count after one more property; None where there may be no more."""
        if self._members.high is not None and count >= self._members.high:
            return None
        return min(count + 1, self._members.top)

    def _with_extras(self, plain: list[Expr]) -> list[Expr]:
        if self._members.extra == NEVER:
            return plain
        row = [self._grammar.fresh("o") for _ in plain]
        bodies = []
        for count, body in enumerate(plain):
            following = self._next(count)
            more = [] if following is None else [sequence(_comma(count), self._members.extra, row[following])]
            bodies.append(choice([*more, body]))
        for rule, body in zip(row[1:], bodies[1:], strict=True):
            self._grammar.define(rule, body)
        return [bodies[0], *row[1:]]

    def _before(self, member: Member, count: int, without: Expr, after: list[Expr]) -> Expr:
        """What follows where this member is next. without: where it is left out."""
        following = self._next(count)
        options: list[Expr] = [] if member.required else [without]
        if following is not None:
            key = self._members.key(member.name)
            options.insert(0, sequence(_comma(count), key, ": ", member.value, after[following]))
        body = choice(options)
        often = count > 0 and not member.required
        return self._grammar.rule(body, "o") if often or _is_long(body) else body


def _comma(count: int) -> str:
    return ", " if count else ""


def _is_long(expr: Expr) -> bool:
    if isinstance(expr, Choice):
        return len(expr.parts) > _MANY
    return isinstance(expr, Sequence) and len(expr.parts) > _LONG
