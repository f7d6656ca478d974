"""A raw schema in, the subschemas that something in every value of it satisfies out."""

from __future__ import annotations

from collections.abc import Iterator

from .json_value import JSON, JSONObject


def same_place(raw: JSONObject) -> Iterator[JSON]:
    """What holds for the value itself."""
    parts = raw.get("allOf")
    yield from parts if isinstance(parts, list) else ()


def needed(raw: JSONObject, types: frozenset[str] | None) -> Iterator[JSON]:
    """What holds for values inside of it that must be there. types: of the value; None: nobody says, but the words
    tell what it is meant to be."""
    properties, required = raw.get("properties"), raw.get("required")
    if types in (None, {"object"}) and isinstance(properties, dict) and isinstance(required, list):
        yield from (properties[name] for name in map(str, required) if name in properties)
    low, items, prefix = raw.get("minItems"), raw.get("items"), raw.get("prefixItems")
    if types in (None, {"array"}) and isinstance(low, int) and not isinstance(low, bool):
        before = prefix if isinstance(prefix, list) else items if isinstance(items, list) else []
        yield from before[:low]
        if low > len(before) and isinstance(items, dict):
            yield items
