"""A tool's parameters in, its arguments as the families write them that give each parameter apart::

    <parameter=city>
    New Delhi
    </parameter>
    <parameter=days>
    3
    </parameter>

They come in the order of ``properties``; optional ones may be left out; there are no others. What can only be a
string is written as it is, and ends where after_value begins, anything else as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import takewhile

from ..syntax import ParameterSyntax
from .automaton import Automaton, TooManyStates
from .case import Case
from .compiler import Compiler, excluding
from .facets import Objects
from .free_text import Exit, free_text
from .intervals import ANY, Intervals
from .json_value import Value
from .rules import EMPTY, NEVER, Expr, Text, choice, letters, sequence
from .schema import Schema
from .spelling import spell_raw
from .strings import language


class Parameters:
    """texts: the parameters that are written as they are. end: what follows the last one."""

    def __init__(self, compiler: Compiler, syntax: ParameterSyntax, texts: frozenset[str], end: str) -> None:
        self._compiler = compiler
        self._grammar = compiler.grammar
        self._syntax = syntax
        self._texts = texts
        # Another parameter and the end of the call may begin alike; a name is never the beginning of another's.
        alike = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(syntax.before_name, end, strict=False))
        )
        self._begin = sequence(letters(syntax.before_name[:alike]), syntax.before_name[alike:])

    def write(self, schemas: tuple[Schema, ...]) -> Expr:
        """The parameters of an object that satisfies the schemas; NEVER where there is none."""
        found: list[Expr] = []
        for case in self._compiler.cases(schemas):
            if "object" not in case.types:
                continue
            self._mark(case)
            found += self._listed(case.values) if case.values is not None else [self._object(case.objects)]
        return self._grammar.rule(choice(found), "p")

    def _listed(self, values: tuple[Value, ...]) -> Iterator[Expr]:
        """One of these objects."""
        for value in values:
            if isinstance(value.value, dict):
                pairs = value.value.items()
                yield sequence(*(self._written(name, Text(self._spelled(name, one))) for name, one in pairs))

    def _spelled(self, name: str, value: object) -> str:
        if name in self._texts and isinstance(value, str):
            return value + self._syntax.after_value
        return json.dumps(value, ensure_ascii=False) + self._syntax.after_value

    def _written(self, name: str, value: Expr) -> Expr:
        """value: with what follows it."""
        return sequence(self._begin, name, self._syntax.after_name, value)

    def _object(self, objects: Objects) -> Expr:
        if objects.low > len(objects.required):
            self._compiler.mark("minProperties")
        if objects.high is not None:
            self._compiler.mark("maxProperties")
        if objects.names:
            self._compiler.mark("propertyNames")
        rest: Expr = EMPTY
        for name in reversed(_names(objects)):
            schemas, certain = objects.at(name)
            if not certain:
                self._compiler.mark("patternProperties")
            required = name in objects.required
            possible = self._is_readable(name) and name not in objects.forbidden
            possible = possible and not any(schema.never for schema in schemas)
            if not possible and required:
                return NEVER
            if possible:
                # It is there twice.
                rest = rest if required or rest == EMPTY else self._grammar.rule(rest, "p")
                one = sequence(self._written(name, self._value(name, schemas)), rest)
                rest = one if required else choice([one, rest])
        return rest

    def _is_readable(self, name: str) -> bool:
        """Whether it ends where what follows it begins."""
        return (name + self._syntax.after_name).index(self._syntax.after_name) == len(name)

    def _value(self, name: str, schemas: tuple[Schema, ...]) -> Expr:
        if name not in self._texts:
            return sequence(self._compiler.rule(schemas), self._syntax.after_value)
        cases = self._compiler.cases(schemas)
        if any(case.values is None for case in cases):
            return choice([one for case in cases for one in self._text(case)])
        words = [word for case in cases for word in self._words(case)]
        end = self._syntax.after_value
        if any(end[0] in word for word in words):
            return choice([word + end for word in words])
        return sequence(choice(words), end)

    def _mark(self, case: Case) -> None:
        for word in case.marks:
            self._compiler.mark(word)

    def _words(self, case: Case) -> list[str]:
        """The listed strings that all else allows."""
        self._mark(case)
        found, exact = language(excluding(case))
        if not exact:
            self._compiler.mark("enum")
        words = (value.value for value in case.values or ())
        return [word for word in words if isinstance(word, str) and found.accepts(word)]

    def _text(self, case: Case) -> Iterator[Expr]:
        """One way to satisfy the schema of a string, as it is written, and what follows it."""
        end = self._syntax.after_value
        if case.values is not None:
            # Other strings may begin as these do.
            yield from (letters(word + end) for word in self._words(case))
        elif "string" in case.types:
            self._mark(case)
            found, exact = language(excluding(case))
            plain = found.is_universal and exact
            line = None if plain else self._one_line(found)
            if not plain and (line is None or not exact):
                self._compiler.mark("pattern")
            yield self._anything() if line is None else sequence(spell_raw(self._grammar, line), end)

    def _one_line(self, found: Automaton) -> Automaton | None:
        """What of the language cannot be taken for the beginning of what follows; None where that is nothing, or
        asks too much of the engine."""
        apart = Automaton((((ANY - Intervals.of(self._syntax.after_value[0]), 0),),), frozenset((0,)))
        try:
            line = found & apart
        except TooManyStates:
            return None
        return None if line.is_empty or not self._compiler.budget.take(line.broad) else line

    def _anything(self) -> Expr:
        """Any string, up to the end of the value; one rule for the whole grammar."""
        end = self._syntax.after_value
        return self._grammar.shared(
            ("text before", end), lambda: free_text(self._grammar, [Exit(end, EMPTY)], (), ends=False), "p"
        )


def _names(objects: Objects) -> list[str]:
    """The properties that are listed, and those that are required besides, in order."""
    listed = [name for part in objects.parts for name, _ in part.properties]
    return list(dict.fromkeys([*listed, *objects.required]))
