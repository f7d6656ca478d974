"""``not``: a schema in, the ways not to satisfy it out (De Morgan's laws, keyword by keyword)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .facets import ArrayPart, Arrays, Contains, Numbers, ObjectPart, Objects, Strings
from .json_value import KINDS
from .schema import ANYTHING, Schema

Way = tuple[Schema, bool]
"""A schema that fails the other one; False: it also lets through some that do not."""


class Negation:
    """target: what a reference leads to. intern: the one schema that says this."""

    def __init__(self, target: Callable[[str], Schema], intern: Callable[[Schema], Schema]) -> None:
        self._target = target
        self._intern = intern

    def ways(self, schema: Schema, seen: frozenset[Schema] = frozenset()) -> list[Way]:
        """The union of these is everything that does not satisfy the schema (and, where not exact, a little
        more)."""
        if schema.never:
            return [(ANYTHING, True)]
        if schema in seen:
            return [(ANYTHING, False)]
        below = seen | {schema}
        found = [
            *_of_type(schema),
            *_of_values(schema),
            *_of_numbers(schema.numbers),
            *_of_strings(schema.strings),
        ]
        found += [*self._of_arrays(schema.arrays), *self._of_objects(schema.objects)]
        found += [way for part in schema.all_of for way in self.ways(part, below)]
        if schema.ref:
            found += self.ways(self._target(schema.ref), below)
        if schema.any_of:
            found.append((Schema(all_of=tuple(map(self._negated, schema.any_of))), True))
        if schema.negated:
            found.append((schema.negated, True))
        if (
            schema.unsaid
            or schema.one_of
            or schema.dependencies
            or (schema.condition and (schema.then or schema.otherwise))
        ):
            found.append((ANYTHING, False))
        return found

    def _negated(self, schema: Schema) -> Schema:
        inner = schema.negated
        if inner and self._intern(Schema(negated=inner)) is schema:
            return inner
        return self._intern(Schema(negated=schema))

    def _of_arrays(self, arrays: Arrays) -> Iterator[Way]:
        kind = frozenset(("array",))
        if arrays.low > 0:
            yield Schema(types=kind, arrays=Arrays(high=arrays.low - 1)), True
        if arrays.high is not None:
            yield Schema(types=kind, arrays=Arrays(low=arrays.high + 1)), True
        for part in arrays.parts:
            if part.prefix or part.rest is None:
                yield Schema(types=kind), False
            else:
                yield Schema(types=kind, arrays=Arrays(contains=(Contains(self._negated(part.rest)),))), True
        for found in arrays.contains:
            if (found.low, found.high) == (1, None):
                yield Schema(types=kind, arrays=Arrays(parts=(ArrayPart((), self._negated(found.schema)),))), True
            else:
                yield Schema(types=kind), False
        if arrays.unique:
            yield Schema(types=kind), False

    def _of_objects(self, objects: Objects) -> Iterator[Way]:
        kind = frozenset(("object",))
        if objects.low > 0:
            yield Schema(types=kind, objects=Objects(high=objects.low - 1)), True
        if objects.high is not None:
            yield Schema(types=kind, objects=Objects(low=objects.high + 1)), True
        for name in objects.required:
            yield Schema(types=kind, objects=Objects(forbidden=frozenset((name,)))), True
        for part in objects.parts:
            for name, schema in part.properties:
                wrong = ObjectPart(properties=((name, self._negated(schema)),), lists=False)
                yield Schema(types=kind, objects=Objects(parts=(wrong,), required=(name,))), True
            if part.patterns or part.additional not in (None, ANYTHING):
                yield Schema(types=kind), False
        if objects.names:
            yield Schema(types=kind), False


def _of_type(schema: Schema) -> Iterator[Way]:
    if schema.types is None:
        return
    left = KINDS - schema.types
    if "integer" in schema.types:
        # Numbers that are not whole: no facet says so.
        left -= {"number"}
        yield Schema(types=frozenset(("number",))), False
    if left:
        yield Schema(types=left), True


def _of_values(schema: Schema) -> Iterator[Way]:
    if schema.values is not None:
        yield Schema(refused=schema.values), True
    if schema.refused:
        yield Schema(values=schema.refused), True


def _of_numbers(numbers: Numbers) -> Iterator[Way]:
    kind = frozenset(("number",))
    if numbers.low is not None:
        yield Schema(types=kind, numbers=Numbers(high=numbers.low, high_open=not numbers.low_open)), True
    if numbers.high is not None:
        yield Schema(types=kind, numbers=Numbers(low=numbers.high, low_open=not numbers.high_open)), True
    if numbers.multiples:
        yield Schema(types=kind), False


def _of_strings(strings: Strings) -> Iterator[Way]:
    kind = frozenset(("string",))
    if strings.low > 0:
        yield Schema(types=kind, strings=Strings(high=strings.low - 1)), True
    if strings.high is not None:
        yield Schema(types=kind, strings=Strings(low=strings.high + 1)), True
    for pattern in sorted(strings.patterns):
        yield Schema(types=kind, strings=Strings(refused=frozenset((pattern,)))), True
    if strings.formats:
        yield Schema(types=kind), False
