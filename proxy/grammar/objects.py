"""What is asked of an object in, its grammar out.

Keys come in the order of ``properties``, optional ones may be left out, others follow (in open objects: anywhere).
Here is told which properties there can be, and how many; ``members.py`` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .all_but import all_but
from .automaton import Automaton, TooManyStates
from .facets import Objects
from .json_value import written
from .lowering import Lowering
from .members import MOST_RULES, Member, Members, Table, in_any_order
from .regex import pattern
from .rules import NEVER, Expr, choice, sequence
from .schema import Schema
from .spelling import any_string, spell

MOST_CELLS = 600  # of the table
_MOST_CLASSES = 16  # of names that patterns tell apart
_MOST_WORDS = 200  # declared names that others are kept apart from


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
        self._required = frozenset(objects.required)
        self._of_any_name: set[Expr] = set()  # values that a property may have whatever it is called
        self._allowed = self._name_language()
        names = self._listed()
        self._closed = self._is_closed(names)
        patterns = any(part.patterns for part in objects.parts)
        # What is asked of a name that there cannot be is of no account.
        asked = () if self._closed and not patterns else (name for part in objects.parts for name in part.named)
        self._declared = tuple(names | dict.fromkeys(asked))

    def expr(self) -> Expr:
        if not all(map(self._is_possible, self._objects.required)):
            return NEVER
        members = self._members()
        low, high = self._objects.low, self._objects.high
        extra = self._extra()
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
        anywhere = self._lowering.open_objects and extra != NEVER
        if anywhere:
            # These come as any other property does; to read them in two ways would cost the engine time.
            members = [member for member in members if member.required or member.value not in self._of_any_name]
        found = Members(members, extra, anywhere, low, high, top)
        if found.rules > MOST_RULES:
            self._lowering.mark("size")
            return in_any_order(self._grammar, found)
        return Table(self._grammar, found).expr()

    def _members(self) -> list[Member]:
        """The declared properties in order, those that can be there."""
        found = []
        for name in self._declared:
            schemas, certain = self._objects.at(name)
            if not certain:
                self._lowering.mark("patternProperties")
            if self._is_possible(name):
                value = self._lowering.rule(schemas)
                found.append(Member(written(name), value, name in self._required))
        return found

    def _is_possible(self, name: str) -> bool:
        forbidden = name in self._objects.forbidden or not self._allowed.accepts(name)
        return not forbidden and not any(schema.never for schema in self._objects.at(name)[0])

    def _listed(self) -> dict[str, None]:
        """The names that are the object's own, in order."""
        names = [name for part in self._objects.parts if part.lists for name in part.named]
        return dict.fromkeys([*names, *self._objects.required])

    def _is_closed(self, names: Iterable[str]) -> bool:
        """Objects that list their properties and say nothing of others have no others, if that leaves enough."""
        parts = [part for part in self._objects.parts if part.lists]
        listed = any(part.properties or part.patterns for part in parts)
        if self._lowering.open_objects or not listed or any(part.additional is not None for part in parts):
            return False
        return self._objects.low < 2 or sum(map(self._is_possible, names)) >= self._objects.low

    def _name_language(self) -> Automaton:
        """What ``propertyNames`` leave of all names."""
        if not self._objects.names:
            return Automaton.EVERYTHING
        automaton, exact = self._lowering.names(self._objects.names)
        if not exact:
            self._lowering.mark("propertyNames")
        return automaton

    def _extra(self) -> Expr:
        """A property that is not declared: its name, colon and value."""
        declared = frozenset(self._declared) | self._objects.forbidden
        pairs = []
        for names in self._classes():
            schemas = self._said(names.matched)
            if any(schema.never for schema in schemas) or (self._closed and names.matched == frozenset()):
                continue
            key = self._key(names, declared)
            if key != NEVER:
                value = self._lowering.rule(schemas)
                pairs.append(sequence(key, ": ", value))
                if key == any_string(self._grammar):
                    self._of_any_name.add(value)
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
