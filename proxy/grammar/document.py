"""A JSON Schema in, its parsed subschemas out, and what its references lead to.

Everything that can be wrong with a schema is found here, before any grammar is made; the message names the place.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import fields
from urllib.parse import unquote

import jsonschema_rs

from .draft import escape, settle, subschemas
from .invalid import InvalidSchema
from .json_value import JSON, JSONObject
from .mistakes import mistake
from .needed import needed, same_place
from .schema import ANYTHING, NOTHING, Schema
from .words import Words, absolute

MOST_DEPTH = 128  # nesting of the schema's own text; real ones stay under 40
MOST_NODES = 50_000  # values in the schema's own text

_HOME = "file:///schema"  # the base of a schema that does not name itself; nothing is read from there
_FIELDS = tuple((field.name, getattr(ANYTHING, field.name)) for field in fields(Schema))


class Document:
    """root: the whole schema, parsed. Raises InvalidSchema for what is not JSON Schema, for references that lead
    nowhere or out of the schema, and for an object that there must be and cannot."""

    def __init__(self, schema: JSON) -> None:
        _measure(schema)
        self.schema, self.draft = settle(schema)
        self._interned: dict[Hashable, Schema] = {_said(schema): schema for schema in (ANYTHING, NOTHING)}
        self._order: dict[Schema, int] = {}
        self._parsed: dict[tuple[int, str], Schema] = {}
        self._places: dict[str, tuple[JSON, str, str]] = {}
        self._targets: dict[str, Schema] = {}
        self._impossible: dict[int, InvalidSchema] = {}  # by the raw schema
        for uri, path, word in self._index(self.schema, _HOME, "#"):
            self._place(uri, path, word)
        self.validator = self._validator()
        self.root = self.parse(self.schema, _HOME, "#")
        self._follow()
        self._refuse_the_impossible()

    @property
    def impossible(self) -> InvalidSchema | None:
        """What is wrong with a subschema that no object satisfies, if one was seen."""
        return next(iter(self._impossible.values()), None)

    def target(self, uri: str) -> Schema:
        """What a reference leads to."""
        return self._targets[uri]

    def parse(self, raw: JSON, base: str, path: str) -> Schema:
        """The parsed subschema. base: what its references are relative to. path: where it stands, for messages."""
        if isinstance(raw, bool):
            return ANYTHING if raw else NOTHING
        if not isinstance(raw, dict):
            raise InvalidSchema("a schema is an object or a boolean", path)
        key = (id(raw), base)
        found = self._parsed.get(key)
        if found is None:
            here = self._base(raw, base)
            words = Words(raw, here, path, self.draft, self.parse)
            found = self._parsed[key] = self.intern(words.schema())
            if (impossible := words.impossible()) is not None:
                self._impossible[id(raw)] = impossible
        return found

    def intern(self, schema: Schema) -> Schema:
        """The one schema that says this."""
        found = self._interned.setdefault(_said(schema), schema)
        self._order.setdefault(found, len(self._order))
        return found

    def order(self, schema: Schema) -> int:
        """Where the schema stands among all: in a fixed order, the same in every run."""
        return self._order.get(schema, -1)

    def _base(self, raw: JSONObject, base: str) -> str:
        name = raw.get(self.draft.id_word)
        if not isinstance(name, str) or name.startswith("#") or (self.draft.lone_ref and "$ref" in raw):
            return base
        return absolute(base, name).partition("#")[0]

    def _index(self, raw: JSON, base: str, path: str) -> list[tuple[str, str, str]]:
        """Where the names of the schema (``$id``, ``$anchor``) lead. Returns its references: the URI, who asks."""
        references = []
        waiting = [(raw, base, path)]
        self._places.setdefault(base, (raw, base, path))
        while waiting:
            raw, base, path = waiting.pop()
            if not isinstance(raw, dict):
                continue
            here = self._base(raw, base)
            self._places.setdefault(here, (raw, base, path))
            for anchor in _anchors(raw, self.draft.id_word):
                self._places.setdefault(f"{here}#{anchor}", (raw, base, path))
            for word in ("$ref", "$dynamicRef"):
                if isinstance(ref := raw.get(word), str):
                    references.append((absolute(here, ref), path, word))
            waiting.extend((child, here, path + step) for step, child in subschemas(raw))
        return references

    def _follow(self) -> None:
        """Parses what references lead to, until nothing new is found."""
        waiting = [schema.ref for schema in self._interned.values() if schema.ref]
        while waiting:
            for uri in waiting:
                self._targets.setdefault(uri, self.parse(*self._place(uri, "#", "$ref")))
            waiting = [
                schema.ref for schema in self._interned.values() if schema.ref and schema.ref not in self._targets
            ]

    def _refuse_the_impossible(self) -> None:
        """Looks at the places that every answer has. What may be something else than an object is let be; where
        the schema does not say what it is, its words do."""
        waiting: list[tuple[JSON, str, frozenset[str] | None]] = [(self.schema, _HOME, None)]
        seen: set[int] = set()
        while waiting and self._impossible:
            raw, base, types = waiting.pop()
            if not isinstance(raw, dict) or id(raw) in seen:
                continue
            seen.add(id(raw))
            here = self._base(raw, base)
            own = self.parse(raw, base, "#")
            if own.types is not None:
                types = own.types if types is None else types & own.types
            if types in (None, {"object"}) and own.values is None and id(raw) in self._impossible:
                raise self._impossible[id(raw)]
            if own.ref:
                target, base_of_it, _ = self._place(own.ref, "#", "$ref")
                waiting.append((target, base_of_it, types))
                if self.draft.lone_ref:
                    continue
            waiting += ((child, here, types) for child in same_place(raw))
            if own.values is None:
                waiting += ((child, here, None) for child in needed(raw, types))

    def _place(self, uri: str, path: str, word: str) -> tuple[JSON, str, str]:
        """The raw schema that a URI leads to, with its base and path. path, word: who asks."""
        if uri in self._places:
            return self._places[uri]
        home, _, fragment = uri.partition("#")
        if home not in self._places:
            raise InvalidSchema(
                f"{uri!r} is outside of this schema and is not fetched; put it in $defs", path, word
            )
        raw, base, at = self._places[home]
        pointer = unquote(fragment)
        if pointer and not pointer.startswith("/"):
            raise InvalidSchema(f"there is no {'#' + pointer!r} in this schema", path, word)
        for part in pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(raw, dict) and name in raw:
                base, raw = self._base(raw, base), raw[name]
            elif isinstance(raw, list) and name.isdecimal() and int(name) < len(raw):
                raw = raw[int(name)]
            else:
                raise InvalidSchema(f"there is no {'#' + pointer!r} in this schema", path, word)
            at += "/" + escape(name)
        self._places[uri] = (raw, base, at)
        return self._places[uri]

    def _validator(self) -> jsonschema_rs.Validator:
        try:
            return self.draft.validator(self.schema, validate_formats=True, offline=True)
        except jsonschema_rs.ValidationError as error:
            raise mistake(self.schema, self.draft, error) from error
        except ValueError as error:
            raise InvalidSchema(f"this is not JSON Schema: {error}") from error


def _said(schema: Schema) -> Hashable:
    said = ((name, getattr(schema, name), default) for name, default in _FIELDS)
    return tuple([(name, value) for name, value, default in said if value is not default and value != default])


def _anchors(raw: JSONObject, id_word: str) -> Iterator[str]:
    for word in ("$anchor", "$dynamicAnchor"):
        if isinstance(name := raw.get(word), str):
            yield name
    if isinstance(name := raw.get(id_word), str) and name.startswith("#"):
        yield name[1:]


def _measure(schema: JSON) -> None:
    """Raises for what is too deep or too large to be looked at, without recursion."""
    count, level, depth = 0, [schema], 0
    while level:
        count, depth = count + len(level), depth + 1
        if depth > MOST_DEPTH:
            raise InvalidSchema(f"the schema is nested deeper than {MOST_DEPTH} levels")
        if count > MOST_NODES:
            raise InvalidSchema(f"the schema has more than {MOST_NODES} values")
        below = (
            node.values() if isinstance(node, dict) else node for node in level if isinstance(node, dict | list)
        )
        level = [child for children in below for child in children]
