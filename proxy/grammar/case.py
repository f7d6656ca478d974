"""One way to satisfy a schema: a conjunction without any choice left in it. A location in a schema is a list of
them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .facets import Arrays, Numbers, Objects, Strings, joined
from .json_value import KINDS, Value
from .schema import ANY_ARRAY, ANY_NUMBER, ANY_OBJECT, ANY_STRING, Schema

_WHOLE = Numbers(integer=True)


@dataclass(frozen=True, slots=True)
class Case:
    """types: among null, boolean, number, string, array, object. values: the only ones, or None. refused: none of
    these. marks: the keywords that it leaves to the check."""

    types: frozenset[str] = KINDS
    values: tuple[Value, ...] | None = None
    refused: tuple[Value, ...] = ()
    numbers: Numbers = ANY_NUMBER
    strings: Strings = ANY_STRING
    arrays: Arrays = ANY_ARRAY
    objects: Objects = ANY_OBJECT
    marks: frozenset[str] = frozenset()

    def meet(self, schema: Schema) -> Case:
        """This, and what the schema says without choices."""
        types, numbers = self.types, self.numbers
        if schema.types is not None:
            types &= schema.types | ({"number"} if "integer" in schema.types else set())
            if "integer" in schema.types:
                numbers = numbers.meet(_WHOLE)
        values = self.values
        if schema.values is not None:
            values = schema.values if values is None else tuple(v for v in schema.values if v in values)
        return replace(
            self,
            types=types,
            values=values,
            refused=joined(self.refused, schema.refused),
            marks=self.marks | schema.unsaid if schema.unsaid else self.marks,
            numbers=numbers if schema.numbers is ANY_NUMBER else numbers.meet(schema.numbers),
            strings=self.strings if schema.strings is ANY_STRING else self.strings.meet(schema.strings),
            arrays=self.arrays if schema.arrays is ANY_ARRAY else self.arrays.meet(schema.arrays),
            objects=self.objects if schema.objects is ANY_OBJECT else self.objects.meet(schema.objects),
        )

    def marked(self, word: str) -> Case:
        """The same, with a keyword left to the check."""
        return self if word in self.marks else replace(self, marks=self.marks | {word})

    @property
    def possible(self) -> bool:
        """False where it is plain that nothing satisfies it."""
        if not self.types or self.values == ():
            return False
        return self.types != {"object"} or self.objects.forbidden.isdisjoint(self.objects.required)
