"""Schemas that hold together in, their cases out: ``allOf`` merged, ``anyOf`` and ``oneOf`` as alternatives,
``not`` and ``if`` as far as they can be said. What cannot be said is dropped and marked: a case may let through
too much, never too little.
"""

from __future__ import annotations

from dataclasses import replace

from .case import Case
from .clock import Clock
from .disjoint import Disjoint
from .document import Document
from .facets import Objects
from .json_value import JSON, Value
from .negation import Negation
from .schema import ANYTHING, Schema

MOST_CASES = 64  # of one location, where choices multiply
MOST_BRANCHES = 1000  # of one choice by itself
MOST_RIVALS = 32  # branches of a oneOf that another is kept apart from

_PLAIN: tuple[JSON, ...] = (None, True, False)
_PLAIN_VALUES = tuple(map(Value.of, _PLAIN))

Above = tuple[tuple[Schema, int], ...]


class NormalForm:
    """clock: past its time InvalidSchema is raised."""

    def __init__(self, document: Document, clock: Clock) -> None:
        self._document = document
        self._clock = clock
        self._known: dict[frozenset[Schema], tuple[Case, ...]] = {}
        self._alone: dict[Schema, Schema] = {}
        self._disjoint = Disjoint(lambda schemas: self.cases(self.plain(schemas)), clock)
        self._negation = Negation(document.target, document.intern)

    def plain(self, schemas: tuple[Schema, ...]) -> frozenset[Schema]:
        """The same schemas, references followed where they stand alone, without those that say nothing."""
        return frozenset(map(self._followed, schemas)) - {ANYTHING}

    def _followed(self, schema: Schema) -> Schema:
        found = self._alone.get(schema)
        if found is None:
            self._alone[schema] = found = schema
            if schema.ref and self._document.intern(replace(schema, ref="")) is ANYTHING:
                found = self._alone[schema] = self._followed(self._document.target(schema.ref))
        return found

    def cases(self, schemas: frozenset[Schema]) -> tuple[Case, ...]:
        """The ways to satisfy all the schemas at once; none: it cannot be done."""
        found = self._known.get(schemas)
        if found is None:
            cases = [Case()]
            for schema in sorted(schemas, key=self._document.order):
                cases = self._both(cases, schema, ())
            found = self._known[schemas] = tuple(dict.fromkeys(cases))
        return found

    def finite(self, schemas: frozenset[Schema]) -> tuple[Value, ...] | None:
        """All the values there are, where they are few and plain to see."""
        found: dict[Value, None] = {}
        for case in self.cases(schemas):
            values = case.values
            if values is None and case.types <= {"null", "boolean"}:
                values = _PLAIN_VALUES
            if values is None:
                return None
            found.update((v, None) for v in values if v.kind in case.types and v not in case.refused)
        return tuple(found)

    def _both(self, cases: list[Case], schema: Schema, above: Above, choices: int = 0) -> list[Case]:
        """The cases, and the schema too. above: what is being added, and how many choices had been made there."""
        self._clock.check()
        if schema.never or not cases:
            return []
        for other, then in above:
            if other is schema:
                # A schema inside of itself: again the same, or, after a choice, a branch that only leads back.
                return cases if then == choices else []
        above = (*above, (schema, choices))
        cases = [met for case in cases if (met := case.meet(schema)).possible]
        for part in (*self._target(schema), *schema.all_of):
            cases = self._both(cases, part, above, choices)
        return self._choices(cases, schema, above, choices)

    def _target(self, schema: Schema) -> tuple[Schema, ...]:
        return (self._document.target(schema.ref),) if schema.ref else ()

    def _choices(self, cases: list[Case], schema: Schema, above: Above, choices: int) -> list[Case]:
        for name, needed in schema.dependencies:
            cases = self._depends(cases, name, needed, above, choices)
        if schema.negated:
            cases = self._not(cases, schema.negated, "not", above, choices)
        if schema.condition and (schema.then or schema.otherwise):
            cases = self._if(cases, schema, above, choices)
        if schema.any_of:
            cases = self._any(cases, schema.any_of, "anyOf", above, choices)
        return self._one(cases, schema.one_of, above, choices) if schema.one_of else cases

    def _any(
        self, cases: list[Case], branches: tuple[Schema, ...], word: str, above: Above, choices: int
    ) -> list[Case]:
        if len(cases) * len(branches) > (MOST_CASES if len(cases) > 1 else MOST_BRANCHES):
            return [case.marked(word) for case in cases]
        found = dict.fromkeys(c for branch in branches for c in self._both(cases, branch, above, choices + 1))
        return list(found) if self._few(found, cases, branches) else [case.marked(word) for case in cases]

    def _few(self, found: dict[Case, None], cases: list[Case], branches: tuple[Schema, ...]) -> bool:
        return len(found) <= max(MOST_CASES, len(branches) if len(cases) == 1 else 0)

    def _one(self, cases: list[Case], branches: tuple[Schema, ...], above: Above, choices: int) -> list[Case]:
        """Exactly one branch. Where branches can hold together, each without the others if that can be said."""
        if len(cases) * len(branches) > (MOST_CASES if len(cases) > 1 else MOST_BRANCHES):
            return [case.marked("oneOf") for case in cases]
        groups = [self._both(cases, branch, above, choices + 1) for branch in branches]
        found: list[Case] = []
        for group, rivals in zip(groups, self._disjoint.rivals(groups, MOST_RIVALS), strict=True):
            if len(rivals) > MOST_RIVALS:
                group = [case.marked("oneOf") for case in group]
            else:
                for rival in rivals:
                    group = self._not(group, branches[rival], "oneOf", above, choices + 1)
            found += group
        unique = dict.fromkeys(found)
        return list(unique) if self._few(unique, cases, branches) else [case.marked("oneOf") for case in cases]

    def _not(self, cases: list[Case], schema: Schema, word: str, above: Above, choices: int) -> list[Case]:
        ways = self._negation.ways(schema)
        if any(way == ANYTHING for way, exact in ways if not exact) or len(cases) * len(ways) > MOST_CASES:
            return [case.marked(word) for case in cases]
        found: list[Case] = []
        for way, exact in ways:
            added = self._both(cases, way, above, choices + 1)
            found += added if exact else [case.marked(word) for case in added]
        return list(dict.fromkeys(found)) if len(found) <= MOST_CASES else [case.marked(word) for case in cases]

    def _if(self, cases: list[Case], schema: Schema, above: Above, choices: int) -> list[Case]:
        assert schema.condition is not None
        met = [
            _asked(case, found)
            for case in cases
            for found in self._both([case], schema.condition, above, choices + 1)
        ]
        unmet = self._not(cases, schema.condition, "if", above, choices + 1)
        met = self._both(met, schema.then or ANYTHING, above, choices + 1)
        unmet = self._both(unmet, schema.otherwise or ANYTHING, above, choices + 1)
        found = list(dict.fromkeys(met + unmet))
        return found if len(found) <= MOST_CASES else [case.marked("if") for case in cases]

    def _depends(self, cases: list[Case], name: str, needed: Schema, above: Above, choices: int) -> list[Case]:
        without = Schema(objects=Objects(forbidden=frozenset((name,))))
        present = Schema(types=frozenset(("object",)), objects=Objects(required=(name,)), all_of=(needed,))
        found = [c for branch in (present, without) for c in self._both(cases, branch, above, choices + 1)]
        return found if len(found) <= MOST_CASES else [case.marked("dependencies") for case in cases]


def _asked(before: Case, after: Case) -> Case:
    """The case of a condition that is met: it lists no properties."""
    known = len(before.objects.parts)
    parts = after.objects.parts
    asked = tuple(replace(part, lists=False) for part in parts[known:])
    return replace(after, objects=replace(after.objects, parts=parts[:known] + asked)) if asked else after
