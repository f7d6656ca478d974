"""What is asked of an object in, its grammar out.

Keys come in the order of ``properties``, optional ones may be left out, others follow (in open objects: anywhere).
The rules are a table of states: which property is next, and how many there are so far, as far as that matters::

"{" (a (", " b)? | b) "}"     with a and b optional, as  "{" ("a: 1" r1 | "b: 1" r2 | "}")  r1 ::= ", b: 1" r2 |
r2
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .all_but import all_but
from .automaton import Automaton, TooManyStates
from .facets import Objects
from .json_value import written
from .lowering import Lowering
from .regex import pattern
from .rules import NEVER, Expr, Rule, Sequence, Text, choice, letters, sequence
from .schema import Schema
from .spelling import spell

MOST_CELLS = 600  # of the table
_LONG = 64  # parts of a sequence
_MOST_CLASSES = 16  # of names that patterns tell apart
_MOST_WORDS = 200  # declared names that others are kept apart from


@dataclass(frozen=True, slots=True)
class _Member:
    """A declared property. name: in quotes."""

    name: str
    value: Expr
    required: bool


@dataclass(frozen=True, slots=True)
class _Names:
    """Names that the same patterns match. matched: None where nobody has told."""

    automaton: Automaton
    matched: frozenset[str] | None


def write_object(lowering: Lowering, objects: Objects) -> Expr:
    """The object's text, braces included. NEVER where there is none."""
    return _Writer(lowering, objects).expr()


class _Writer:
    def __init__(self, lowering: Lowering, objects: Objects) -> None:
        self._lowering = lowering
        self._grammar = lowering.grammar
        self._objects = objects
        self._allowed, self._exact_names = self._name_language()

    def expr(self) -> Expr:
        members = self._members()
        if members is None:
            return NEVER
        low, high = self._objects.low, self._objects.high
        extra = self._extra(closed=self._closed(len(members)))
        needed = sum(member.required for member in members)
        if high is not None and high < needed:
            return NEVER
        if extra == NEVER and (high is None or high >= len(members)):
            high = None
        if extra != NEVER and low > max(needed, 1):
            self._lowering.mark("minProperties")  # a name that comes twice would count twice
        top = max(1, low if low > needed else 0) if high is None else high
        if (len(members) + 1) * (top + 1) > MOST_CELLS:
            for word, counts in (("minProperties", low > 1), ("maxProperties", high is not None)):
                if counts:
                    self._lowering.mark(word)
            top, low, high = 1, min(low, 1), None
        return _Table(self._lowering, members, extra, low, high, top).expr()

    def _members(self) -> list[_Member] | None:
        """The declared properties in order; None where one is required that cannot be."""
        required = frozenset(self._objects.required)
        found = []
        for name in self._declared():
            schemas, certain = self._objects.at(name)
            if not certain:
                self._lowering.mark("patternProperties")
            possible = name not in self._objects.forbidden and self._allowed.accepts(name)
            if possible and not any(schema.never for schema in schemas):
                value = self._lowering.rule(schemas)
                found.append(_Member(written(name), value, name in required))
            elif name in required:
                return None
        return found

    def _declared(self) -> list[str]:
        names = [name for part in self._objects.parts for name, _ in part.properties]
        return list(dict.fromkeys([*names, *self._objects.required]))

    def _closed(self, members: int) -> bool:
        """Objects that list their properties and say nothing of others have no others, if that leaves enough."""
        if self._lowering.open_objects:
            return False
        parts = self._objects.parts
        listed = any(part.properties or part.patterns for part in parts)
        said = any(part.additional is not None for part in parts)
        return listed and not said and members >= self._objects.low

    def _name_language(self) -> tuple[Automaton, bool]:
        """What ``propertyNames`` leave of all names."""
        if not self._objects.names:
            return Automaton.EVERYTHING, True
        automaton, exact = self._lowering.names(self._objects.names)
        if not exact:
            self._lowering.mark("propertyNames")
        return automaton, exact

    def _extra(self, closed: bool) -> Expr:
        """A property that is not declared: its name, colon and value."""
        declared = frozenset(self._declared()) | self._objects.forbidden
        pairs = []
        for names in self._classes():
            schemas = self._said(names.matched)
            if any(schema.never for schema in schemas) or (closed and names.matched == frozenset()):
                continue
            key = self._key(names, declared)
            if key != NEVER:
                pairs.append(sequence(key, ": ", self._lowering.rule(schemas)))
        return choice(pairs)

    def _classes(self) -> list[_Names]:
        """All names, divided by the patterns that they match."""
        classes = [_Names(self._allowed, frozenset())]
        for source in dict.fromkeys(source for part in self._objects.parts for source, _ in part.patterns):
            if len(classes) > _MOST_CLASSES:
                self._lowering.mark("patternProperties")
                return [*classes, _Names(self._allowed, None)]
            divided = [names for whole in classes for names in self._divided(whole, source)]
            classes = [names for names in divided if not names.automaton.is_empty]
        return classes

    def _divided(self, names: _Names, source: str) -> Iterator[_Names]:
        """Those that the pattern matches, and those that it does not; where it cannot tell, names are in both."""
        assert names.matched is not None
        matching, exact = pattern(source)
        inside = outside = names.automaton
        try:
            inside = names.automaton & matching
            outside = names.automaton - matching if exact else names.automaton
        except TooManyStates:
            exact = False
        if not exact:
            self._lowering.mark("patternProperties")
        yield _Names(inside, names.matched | {source})
        yield _Names(outside, names.matched)

    def _said(self, matched: frozenset[str] | None) -> tuple[Schema, ...]:
        """What the value of an undeclared name must be."""
        if matched is None:
            return ()
        found: list[Schema] = []
        for part in self._objects.parts:
            said = [schema for source, schema in part.patterns if source in matched]
            if not said and part.additional is not None:
                said = [part.additional]
            found += said
        return tuple(found)

    def _key(self, names: _Names, declared: frozenset[str]) -> Expr:
        """The name, in quotes, none of the declared ones; where that costs the engine too much, any at all."""
        apart = {name for name in declared if names.automaton.accepts(name)}
        automaton, whole = names.automaton, len(apart) <= _MOST_WORDS
        if apart and whole:
            try:
                without = all_but(apart) if automaton.is_universal else automaton - Automaton.words(apart)
                whole = self._lowering.budget.take(without.broad)
                automaton = without if whole else automaton
            except TooManyStates:
                whole = False
        if not whole:
            self._lowering.mark("additionalProperties")
        expr, exact = spell(self._grammar, automaton)
        if not exact:
            self._lowering.mark("patternProperties")
        return expr


class _Table:
    """The states: (the next member, how many properties there are so far; top: so many or more)."""

    def __init__(
        self, lowering: Lowering, members: list[_Member], extra: Expr, low: int, high: int | None, top: int
    ) -> None:
        self._grammar = lowering.grammar
        self._anywhere = lowering.open_objects and extra != NEVER
        self._members = members
        self._extra = extra
        # Where other names may come, these are written so that they can begin alike.
        self._key: Callable[[str], Expr] = Text if extra == NEVER else letters
        self._low, self._high, self._top = low, high, top

    def expr(self) -> Expr:
        after = self._ends()
        for member in reversed(self._members):
            after = self._before(member, after)
        return sequence("{", after[0])

    def _next(self, count: int) -> int | None:
        """The count after one more property; None where there may be no more."""
        if self._high is not None and count >= self._high:
            return None
        return min(count + 1, self._top)

    def _with_extras(self, count: int, plain: list[Expr], row: list[Rule]) -> list[Expr]:
        following = self._next(count)
        if following is None:
            return plain
        return [*plain, sequence(", " if count else "", self._extra, row[following])]

    def _row(self) -> list[Rule]:
        return [self._grammar.fresh("o") for _ in range(self._top + 1)]

    def _ends(self) -> list[Expr]:
        """By count: no member is left."""
        if self._extra == NEVER:
            return [Text("}") if count >= self._low else NEVER for count in range(self._top + 1)]
        row = self._row()
        bodies = [
            choice(self._with_extras(count, [Text("}")] if count >= self._low else [], row))
            for count in range(self._top + 1)
        ]
        for rule, body in zip(row, bodies, strict=True):
            self._grammar.define(rule, body)
        return [bodies[0], *row[1:]]

    def _before(self, member: _Member, after: list[Expr]) -> list[Expr]:
        """By count: this member is next."""
        row = self._row() if self._anywhere else []
        bodies = []
        for count in range(self._top + 1):
            following = self._next(count)
            options: list[Expr] = []
            if following is not None:
                options.append(
                    sequence(", " if count else "", self._key(member.name), ": ", member.value, after[following])
                )
            if not member.required:
                options.append(after[count])
            bodies.append(choice(self._with_extras(count, options, row) if self._anywhere else options))
        if self._anywhere:
            for rule, body in zip(row, bodies, strict=True):
                self._grammar.define(rule, body)
            return [bodies[0], *row[1:]]
        if member.required:
            return [self._grammar.rule(body, "o") if _is_long(body) else body for body in bodies]
        return [bodies[0], *(self._grammar.rule(body, "o") for body in bodies[1:])]


def _is_long(expr: Expr) -> bool:
    """Long sequences are cut into rules: each member copies what follows it."""
    return isinstance(expr, Sequence) and len(expr.parts) > _LONG
