"""Which draft of JSON Schema a schema is written in, and the spelling of older ones made new.

``$schema`` names the draft. A schema without it is 2020-12, in which the old words that people still send keep
their meaning: ``exclusiveMinimum: true``, ``nullable: true``, ``id: "#name"``, ``items: [..]`` with
``additionalItems``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jsonschema_rs

from .invalid import InvalidSchema
from .json_value import JSON, JSONObject

ONE = frozenset(
    [
        "additionalProperties",
        "propertyNames",
        "items",
        "additionalItems",
        "contains",
        "not",
        "if",
        "then",
        "else",
        "unevaluatedProperties",
        "unevaluatedItems",
    ]
)
MANY = frozenset(["allOf", "anyOf", "oneOf", "prefixItems", "items"])
NAMED = frozenset(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"])

_DRAFT4 = frozenset(
    [
        "$ref",
        "type",
        "enum",
        "properties",
        "required",
        "additionalProperties",
        "patternProperties",
        "minProperties",
        "maxProperties",
        "items",
        "additionalItems",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "dependencies",
    ]
)
_DRAFT6 = _DRAFT4 | {"const", "contains", "propertyNames"}
_DRAFT7 = _DRAFT6 | {"if", "then", "else"}
_DRAFT2019 = _DRAFT7 | frozenset(
    [
        "minContains",
        "maxContains",
        "dependentRequired",
        "dependentSchemas",
        "unevaluatedProperties",
        "unevaluatedItems",
        "$recursiveRef",
        "$anchor",
    ]
)
_DRAFT2020 = (_DRAFT2019 - {"additionalItems", "$recursiveRef"}) | {"prefixItems", "$dynamicRef"}


@dataclass(frozen=True, slots=True)
class Draft:
    """words: what means something in it. lone_ref: ``$ref`` hides its siblings. id_word: what names a resource."""

    words: frozenset[str]
    lone_ref: bool
    id_word: str
    validator: Callable[..., jsonschema_rs.Validator]


_DRAFTS = {
    "json-schema.org/draft-04/schema": Draft(_DRAFT4, True, "id", jsonschema_rs.Draft4Validator),
    "json-schema.org/draft-06/schema": Draft(_DRAFT6, True, "$id", jsonschema_rs.Draft6Validator),
    "json-schema.org/draft-07/schema": Draft(_DRAFT7, True, "$id", jsonschema_rs.Draft7Validator),
    "json-schema.org/draft/2019-09/schema": Draft(_DRAFT2019, False, "$id", jsonschema_rs.Draft201909Validator),
    "json-schema.org/draft/2020-12/schema": Draft(_DRAFT2020, False, "$id", jsonschema_rs.Draft202012Validator),
    "json-schema.org/schema": Draft(_DRAFT2020, False, "$id", jsonschema_rs.Draft202012Validator),
}


def settle(schema: JSON) -> tuple[JSON, Draft]:
    """The schema in new spelling, pointers into it unmoved, and its draft.
    Raises InvalidSchema for a draft that nobody knows."""
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if isinstance(named, str):
        draft = _DRAFTS.get(named.split("://")[-1].rstrip("#"))
        if draft is None:
            raise InvalidSchema(f"the draft {named!r} is not known; use draft-04 to 2020-12", "#", "$schema")
        return schema, draft
    tuples = False

    def renew(node: JSONObject) -> JSONObject:
        nonlocal tuples
        tuples = tuples or isinstance(node.get("items"), list) or "additionalItems" in node
        return _renewed(node)

    renewed = _rewritten(schema, renew)
    return renewed, _DRAFTS[f"json-schema.org/draft/{'2019-09' if tuples else '2020-12'}/schema"]


def _rewritten(schema: JSON, change: Callable[[JSONObject], JSONObject]) -> JSON:
    """The schema with every subschema changed; what is not changed is shared."""
    if not isinstance(schema, dict):
        return schema
    changed: JSONObject = dict(schema)
    for word, value in schema.items():
        if isinstance(value, dict) and word in NAMED:
            changed[word] = {name: _rewritten(child, change) for name, child in value.items()}
        elif isinstance(value, list) and word in MANY:
            changed[word] = [_rewritten(child, change) for child in value]
        elif isinstance(value, dict) and word in ONE:
            changed[word] = _rewritten(value, change)
    return change(changed)


def _renewed(node: JSONObject) -> JSONObject:
    for word, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(node.get(word), bool) and node.pop(word) and bound in node:
            node[word] = node.pop(bound)
    kinds = [node["type"]] if isinstance(node.get("type"), str) else node.get("type")
    if node.get("nullable") is True and isinstance(kinds, list) and "null" not in kinds:
        node["type"] = [*kinds, "null"]
    name = node.get("id")
    if isinstance(name, str) and name.startswith("#") and len(name) > 1:
        node.setdefault("$anchor", name[1:])
    return node


def subschemas(node: JSONObject) -> Iterator[tuple[str, JSON]]:
    """The subschemas right below a schema, each with its path from there."""
    for word, value in node.items():
        if word in NAMED and isinstance(value, dict):
            yield from ((f"/{word}/{escape(name)}", child) for name, child in value.items())
        elif word in MANY and isinstance(value, list):
            yield from ((f"/{word}/{index}", child) for index, child in enumerate(value))
        elif word in ONE:
            yield f"/{word}", value


def escape(name: str) -> str:
    """A name as a part of a JSON pointer. Source: RFC 6901."""
    return name.replace("~", "~0").replace("/", "~1")
