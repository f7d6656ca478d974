"""A document in, its grammar and the keywords left to the check out.

A location in the schema is a set of schemas that all hold there. Each such set has one rule, made from its cases
(``normal_form.py``); what it refers to waits in a list, so that depth and recursion cost nothing::

    schemas -> cases -> one alternative for each type -> values.py, numbers.py, strings.py, arrays.py, objects.py
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace

from .arrays import write_array
from .automaton import Automaton, TooManyStates
from .budget import MOST_BROAD, MOST_BROAD_OPEN, Budget
from .case import Case
from .clock import Clock
from .document import Document
from .facets import Arrays, Objects, Strings
from .invalid import InvalidSchema
from .json_value import Value
from .normal_form import NormalForm
from .numbers import write as write_number
from .objects import write_object
from .rules import Expr, Grammar, Rule, Text, TooLarge, Unsatisfiable, choice, letters
from .schema import ANY_ARRAY, ANY_OBJECT, Schema
from .spelling import spell
from .strings import language
from .strings import write as write_string
from .values import plain_values, write_values

MOST_RULES = 2500  # past so many, what is left of the schema is taken for anything, and checked


class Compiler:
    """seconds: how long it may take."""

    def __init__(self, document: Document, *, open_objects: bool, seconds: float) -> None:
        clock = Clock(seconds)
        self.grammar = Grammar(clock.check)
        self.budget = Budget(MOST_BROAD_OPEN if open_objects else MOST_BROAD)
        self.open_objects = open_objects
        self._document = document
        self._marks: set[str] = set()
        self._normal = NormalForm(document, clock)
        self._rules: dict[frozenset[Schema], Rule] = {}
        self._written: dict[Hashable, Rule] = {}
        self._waiting: list[tuple[Rule, frozenset[Schema]]] = []

    def run(self) -> tuple[str, frozenset[str]]:
        """The grammar's text and the keywords left to the check. Raises InvalidSchema where no value satisfies the
        schema, or where it is too large or takes too long."""
        root = self.rule((self._document.root,))
        self.finish()
        try:
            return self.grammar.text(root), self.marks
        except Unsatisfiable:
            raise self._document.impossible or InvalidSchema("no value satisfies this schema") from None
        except TooLarge as error:
            raise InvalidSchema(f"the schema is too large: {error}") from None

    def finish(self) -> None:
        """Writes the rules that were asked for. Raises InvalidSchema where it takes too long."""
        while self._waiting:
            rule, schemas = self._waiting.pop(0)
            self.grammar.define(rule, self._alternatives(self._normal.cases(schemas)))

    @property
    def marks(self) -> frozenset[str]:
        """The keywords left to the check so far."""
        return frozenset(self._marks)

    def cases(self, schemas: tuple[Schema, ...]) -> tuple[Case, ...]:
        """The ways to satisfy all the schemas."""
        return self._normal.cases(self._normal.plain(schemas))

    def rule(self, schemas: tuple[Schema, ...]) -> Rule:
        """The rule for a value that satisfies all the schemas; it is written later."""
        key = self._normal.plain(schemas)
        if key and key not in self._rules and self._is_full():
            return self.rule(())
        found = self._rules.get(key)
        if found is None:
            found = self._rules[key] = self.grammar.fresh("v")
            self._waiting.append((found, key))
        return found

    def finite(self, schemas: tuple[Schema, ...]) -> tuple[Value, ...] | None:
        """All values that satisfy them, where they are few."""
        return self._normal.finite(self._normal.plain(schemas))

    def names(self, schemas: tuple[Schema, ...]) -> tuple[Automaton, bool]:
        """The strings that satisfy them; False: and perhaps more."""
        found, exact = Automaton.NOTHING, True
        for case in self._normal.cases(self._normal.plain(schemas)):
            if "string" not in case.types:
                continue
            automaton, alike = language(excluding(case))
            if case.values is not None:
                automaton &= Automaton.words([v.value for v in case.values if isinstance(v.value, str)])
            found, exact = found | automaton, exact and alike and not case.marks
        return found, exact

    def mark(self, word: str) -> None:
        """This keyword is left to the check."""
        self._marks.add(word)

    def _alternatives(self, cases: tuple[Case, ...]) -> Expr:
        strings = [case for case in cases if "string" in case.types]
        if len(strings) < 2 or all(case.values is not None for case in strings):
            return choice([part for case in cases for part in self._of_case(case)])
        merged = self._merged(strings)
        if merged is not None:
            cases = tuple(replace(case, types=case.types - {"string"}) for case in cases)
        parts = [part for case in cases for part in self._of_case(case)]
        # Other strings may begin as the listed ones do.
        parts = [letters(part.text) if isinstance(part, Text) and part.text[:1] == '"' else part for part in parts]
        return choice(parts if merged is None else [merged, *parts])

    def _merged(self, cases: list[Case]) -> Expr | None:
        """The strings of all the cases as one language, so that nobody has to read two side by side."""
        found = Automaton.NOTHING
        try:
            for case in cases:
                if case.values is not None:
                    return None
                automaton, exact = language(excluding(case))
                if not exact:
                    return None
                found |= automaton
        except TooManyStates:
            return None
        if not found.is_universal and not self.budget.take(found.broad):
            return None
        expr, exact = spell(self.grammar, found)
        if not exact:
            self.mark("pattern")
        return expr

    def _of_case(self, case: Case) -> list[Expr]:
        self._marks |= case.marks
        if case.values is not None:
            return write_values(self, case)
        if any(value.kind in ("number", "array", "object") and value.kind in case.types for value in case.refused):
            self.mark("not")
        writers: dict[str, Callable[[], Expr]] = {
            "null": lambda: plain_values(case, "null"),
            "boolean": lambda: plain_values(case, "boolean"),
            "number": lambda: self._number(case),
            "string": lambda: self._string(case),
            "array": lambda: self._array(case.arrays),
            "object": lambda: self._object(case.objects),
        }
        return [write() for kind, write in writers.items() if kind in case.types]

    def _number(self, case: Case) -> Expr:
        def write() -> Expr:
            expr, unsaid = write_number(self.grammar, case.numbers)
            self._marks |= unsaid
            return expr

        return self._shared(case.numbers, write)

    def _string(self, case: Case) -> Expr:
        strings = excluding(case)

        def write() -> Expr:
            expr, unsaid = write_string(self.grammar, strings, self.budget)
            self._marks |= unsaid
            return expr

        return self._shared(strings, write)

    def _array(self, arrays: Arrays) -> Expr:
        if arrays != ANY_ARRAY and arrays not in self._written and self._is_full():
            return self._array(ANY_ARRAY)
        return self._shared(arrays, lambda: write_array(self, arrays))

    def _object(self, objects: Objects) -> Expr:
        if objects != ANY_OBJECT and objects not in self._written and self._is_full():
            return self._object(ANY_OBJECT)
        return self._shared(objects, lambda: write_object(self, objects))

    def _is_full(self) -> bool:
        """Whether there are so many rules that what is left is said no more; it is marked."""
        if len(self.grammar) + len(self._waiting) <= MOST_RULES:
            return False
        self.mark("size")
        return True

    def _shared(self, key: Hashable, write: Callable[[], Expr]) -> Expr:
        """What has been written for the same facets before."""
        found = self._written.get(key)
        if found is None:
            found = self._written[key] = self.grammar.rule(write())
        return found


def excluding(case: Case) -> Strings:
    """What is asked of a string, with the refused ones among it."""
    words = frozenset(value.value for value in case.refused if isinstance(value.value, str))
    return replace(case.strings, excluded=case.strings.excluded | words) if words else case.strings
