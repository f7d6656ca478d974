"""One subschema, parsed: every word in its place, nothing left to look up but references.

Schemas are interned by the document that they come from: two that mean the same are the same object, so that
they can be compared and hashed by identity, and share grammar rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from .facets import Arrays, Numbers, Objects, Strings
from .json_value import Value

ANY_ARRAY, ANY_NUMBER, ANY_OBJECT, ANY_STRING = Arrays(), Numbers(), Objects(), Strings()


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """Everything that is said holds. never: ``false``. ref: an absolute URI, or empty. types: None for all;
    numbers are ``number`` or ``integer``. values: ``enum`` and ``const``. refused: values that it is not.
    dependencies: a name, and what holds where it is there. unsaid: keywords that are left to the check."""

    never: bool = False
    ref: str = ""
    types: frozenset[str] | None = None
    values: tuple[Value, ...] | None = None
    refused: tuple[Value, ...] = ()
    numbers: Numbers = ANY_NUMBER
    strings: Strings = ANY_STRING
    arrays: Arrays = ANY_ARRAY
    objects: Objects = ANY_OBJECT
    all_of: tuple[Schema, ...] = ()
    any_of: tuple[Schema, ...] = ()
    one_of: tuple[Schema, ...] = ()
    negated: Schema | None = None
    condition: Schema | None = None
    then: Schema | None = None
    otherwise: Schema | None = None
    dependencies: tuple[tuple[str, Schema], ...] = ()
    unsaid: frozenset[str] = frozenset()


ANYTHING, NOTHING = Schema(), Schema(never=True)
