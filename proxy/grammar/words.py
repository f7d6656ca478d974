"""One raw subschema in, a Schema out: each keyword read in the sense of its draft."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from urllib.parse import urljoin

from .draft import Draft, escape
from .facets import ArrayPart, Arrays, Contains, Numbers, ObjectPart, Objects, Strings
from .invalid import InvalidSchema
from .json_value import JSON, JSONObject, Value
from .regex import InvalidPattern, pattern
from .schema import ANY_ARRAY, ANY_NUMBER, ANY_OBJECT, ANY_STRING, ANYTHING, Schema

_DYNAMIC = ("$dynamicRef", "$recursiveRef")  # where they lead depends on the way there: left to the check
_IN_PLACE = frozenset(_DYNAMIC).union(
    ("$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependencies", "dependentSchemas")
)
_OF_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_OF_STRINGS = ("minLength", "maxLength", "pattern", "format")
_OF_ARRAYS = (
    *("minItems", "maxItems", "uniqueItems", "items", "prefixItems", "additionalItems", "unevaluatedItems"),
    *("contains", "minContains", "maxContains"),
)
_OF_OBJECTS = (
    *("properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames"),
    *("required", "minProperties", "maxProperties"),
)
_BOUNDED = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)


class Words:
    """The words of one subschema that the draft knows. parse: reads a subschema (raw, base, path)."""

    def __init__(
        self, raw: JSONObject, base: str, path: str, draft: Draft, parse: Callable[[JSON, str, str], Schema]
    ) -> None:
        self._base = base
        self._path = path
        self._parse = parse
        known = {"$ref"} if draft.lone_ref and "$ref" in raw else draft.words
        self._raw = {word: value for word, value in raw.items() if word in known}
        self._alone = self._raw.keys().isdisjoint(_IN_PLACE)
        self._refuse_contradictions()

    def schema(self) -> Schema:
        """The whole of it. Raises InvalidSchema for patterns that are no regular expressions, and for what
        contradicts itself."""
        return Schema(
            ref=self._ref(),
            types=self._types(),
            values=self._values(),
            numbers=self._numbers(),
            strings=self._strings(),
            arrays=self._arrays(),
            objects=self._objects(),
            all_of=self._list("allOf"),
            any_of=self._list("anyOf"),
            one_of=self._list("oneOf"),
            negated=self._one("not"),
            condition=self._one("if"),
            then=self._one("then"),
            otherwise=self._one("else"),
            dependencies=self._dependencies(),
            unsaid=self._unsaid(),
        )

    def _ref(self) -> str:
        ref = self._raw.get("$ref")
        return absolute(self._base, ref) if isinstance(ref, str) else ""

    def _types(self) -> frozenset[str] | None:
        named = self._raw.get("type")
        if isinstance(named, str):
            return frozenset((named,))
        if not isinstance(named, list):
            return None
        types = frozenset(name for name in named if isinstance(name, str))
        return types - {"integer"} if "number" in types else types

    def _values(self) -> tuple[Value, ...] | None:
        listed = self._raw.get("enum")
        values = list(dict.fromkeys(map(Value.of, listed))) if isinstance(listed, list) else None
        if "const" in self._raw:
            const = Value.of(self._raw["const"])
            values = [const] if values is None or const in values else []
        return None if values is None else tuple(values)

    def _numbers(self) -> Numbers:
        if self._raw.keys().isdisjoint(_OF_NUMBERS):
            return ANY_NUMBER
        low, high = self._decimal("minimum"), self._decimal("maximum")
        bounds = Numbers(low=low, high=high)
        above, below = self._raw.get("exclusiveMinimum"), self._raw.get("exclusiveMaximum")
        if above is True:
            bounds = replace(bounds, low_open=True)
        elif not isinstance(above, bool):
            bounds = bounds.meet(Numbers(low=self._decimal("exclusiveMinimum"), low_open=above is not None))
        if below is True:
            bounds = replace(bounds, high_open=True)
        elif not isinstance(below, bool):
            bounds = bounds.meet(Numbers(high=self._decimal("exclusiveMaximum"), high_open=below is not None))
        multiple = self._decimal("multipleOf")
        return bounds if multiple is None else replace(bounds, multiples=frozenset((multiple,)))

    def _strings(self) -> Strings:
        if self._raw.keys().isdisjoint(_OF_STRINGS):
            return ANY_STRING
        formats = self._raw.get("format")
        source = self._raw.get("pattern")
        return Strings(
            self._count("minLength") or 0,
            self._count("maxLength"),
            patterns=frozenset((self._pattern(source, "pattern"),)) if isinstance(source, str) else frozenset(),
            formats=frozenset((formats,)) if isinstance(formats, str) else frozenset(),
        )

    def _arrays(self) -> Arrays:
        if self._raw.keys().isdisjoint(_OF_ARRAYS):
            return ANY_ARRAY
        prefix, rest = self._list("prefixItems"), self._one("items")
        if isinstance(self._raw.get("items"), list):
            prefix, rest = self._list("items"), self._one("additionalItems")
        contains = self._one("contains")
        if rest is None and self._alone and contains is None:
            rest = self._one("unevaluatedItems")
        part = (ArrayPart(prefix, rest),) if prefix or rest not in (None, ANYTHING) else ()
        few, many = self._count("minContains"), self._count("maxContains")
        found = () if contains is None else (Contains(contains, 1 if few is None else few, many),)
        arrays = Arrays(
            self._count("minItems") or 0,
            self._count("maxItems"),
            part,
            found,
            self._raw.get("uniqueItems") is True,
        )
        return ANY_ARRAY if arrays == ANY_ARRAY else arrays

    def _objects(self) -> Objects:
        if self._raw.keys().isdisjoint(_OF_OBJECTS):
            return ANY_OBJECT
        part = ObjectPart(
            tuple(self._named("properties").items()),
            tuple(
                (self._pattern(source, "patternProperties"), schema)
                for source, schema in self._named("patternProperties").items()
            ),
            self._additional(),
        )
        required = self._raw.get("required")
        names = self._one("propertyNames")
        objects = Objects(
            self._count("minProperties") or 0,
            self._count("maxProperties"),
            () if part == ObjectPart() else (part,),
            tuple(str(name) for name in required) if isinstance(required, list) else (),
            names=() if names is None else (names,),
        )
        return ANY_OBJECT if objects == ANY_OBJECT else objects

    def _additional(self) -> Schema | None:
        said = self._one("additionalProperties")
        return self._one("unevaluatedProperties") if said is None and self._alone else said

    def _unsaid(self) -> frozenset[str]:
        """``unevaluated...`` beside what may evaluate too: what that is depends on the answer."""
        others = () if self._alone else ("unevaluatedProperties", "unevaluatedItems")
        return frozenset(word for word in (*others, *self._dynamic()) if word in self._raw) | self._contained()

    def _contained(self) -> frozenset[str]:
        both = "contains" in self._raw and "unevaluatedItems" in self._raw
        return frozenset(("unevaluatedItems",)) if both else frozenset()

    def _dynamic(self) -> tuple[str, ...]:
        return () if self._raw.keys().isdisjoint(_DYNAMIC) else _DYNAMIC

    def _dependencies(self) -> tuple[tuple[str, Schema], ...]:
        found = []
        for word in ("dependencies", "dependentRequired", "dependentSchemas"):
            entries = self._raw.get(word)
            for name, entry in entries.items() if isinstance(entries, dict) else ():
                if isinstance(entry, list):
                    needed = Schema(objects=Objects(required=tuple(map(str, entry))))
                else:
                    needed = self._parse(entry, self._base, f"{self._path}/{word}/{escape(name)}")
                found.append((name, needed))
        return tuple(found)

    def _one(self, word: str) -> Schema | None:
        value = self._raw.get(word)
        return self._parse(value, self._base, f"{self._path}/{word}") if isinstance(value, bool | dict) else None

    def _list(self, word: str) -> tuple[Schema, ...]:
        value = self._raw.get(word)
        if not isinstance(value, list):
            return ()
        return tuple(self._parse(child, self._base, f"{self._path}/{word}/{i}") for i, child in enumerate(value))

    def _named(self, word: str) -> dict[str, Schema]:
        value = self._raw.get(word)
        if not isinstance(value, dict):
            return {}
        place = f"{self._path}/{word}"
        return {name: self._parse(child, self._base, f"{place}/{escape(name)}") for name, child in value.items()}

    def _count(self, word: str) -> int | None:
        value = self._raw.get(word)
        return math.floor(value) if isinstance(value, int | float) else None

    def _decimal(self, word: str) -> Decimal | None:
        value = self._raw.get(word)
        return None if value is None or isinstance(value, bool | str | list | dict) else Decimal(str(value))

    def _pattern(self, source: str, word: str) -> str:
        try:
            pattern(source)
        except InvalidPattern as error:
            raise InvalidSchema(f"the pattern {source!r}: {error}", self._path, word) from error
        return source

    def _refuse_contradictions(self) -> None:
        """What no value can satisfy, said in one place, is a mistake of the schema's author."""
        for low, high in _BOUNDED:
            least, most = self._decimal(low), self._decimal(high)
            if least is not None and most is not None and least > most:
                raise InvalidSchema(f"{low} {least} is above {high} {most}: no value is both", self._path, low)
        multiple = self._decimal("multipleOf")
        if multiple is not None and multiple <= 0:
            raise InvalidSchema("a multiple is of a number above 0", self._path, "multipleOf")
        if self._raw.get("enum") == []:
            raise InvalidSchema("the list is empty: no value is in it", self._path, "enum")

    def impossible(self) -> InvalidSchema | None:
        """What is wrong where no object satisfies this by itself: a name that is required and forbidden. Parts of
        others may say so; it is an error where the whole needs this place. To be asked after ``schema``."""
        given, required = self._raw.get("properties", {}), self._raw.get("required")
        if self._raw.get("additionalProperties") is not False:
            return None
        if not isinstance(required, list) or not isinstance(given, dict):
            return None
        sources = self._raw.get("patternProperties")
        patterns = [pattern(source)[0] for source in sources] if isinstance(sources, dict) else []
        for name in map(str, required):
            if name not in given and not any(known.accepts(name) for known in patterns):
                problem = f"{name!r} is required, but additionalProperties: false forbids it; add it to properties"
                return InvalidSchema(problem, self._path, "required")
        return None


def absolute(base: str, reference: str) -> str:
    """A reference in full. Unlike urljoin alone this keeps the base's scheme, whatever it is, for fragments."""
    try:
        return base + reference if reference.startswith("#") else urljoin(base, reference)
    except ValueError as error:
        raise InvalidSchema(f"{reference!r} is no URI: {error}") from error
