"""The functions that a model may call: what the client gave in, what the grammar, the prompt and the parser stand
on out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_CALLS = 16  # in one answer
_MOST_REFS = 16  # in a row, in a schema that may go in circles


@dataclass(frozen=True, slots=True)
class Tool:
    """name: ``[A-Za-z0-9_-]{1,64}``. parameters: the JSON Schema of its arguments, an object's; not yet looked
    at."""

    name: str
    description: str | None
    parameters: Mapping[str, object]

    @property
    def texts(self) -> frozenset[str]:
        """The parameters that can only be strings, by their schemas: ``type`` is string, or all of ``enum`` or
        ``const`` are; ``$ref`` within the schema is followed. Of those under ``properties`` only."""
        properties = self.parameters.get("properties")
        found = properties.items() if isinstance(properties, Mapping) else ()
        return frozenset(name for name, schema in found if _only_strings(schema, self.parameters))


@dataclass(frozen=True, slots=True)
class ToolUse:
    """told: the tools that the model is told of. allowed: those of them that it may call; none: it may not call.
    least, most: how many calls an answer has; with a least of 0 it may be text, else it is nothing but calls.
    Source: API contract, section 6."""

    told: tuple[Tool, ...]
    allowed: tuple[Tool, ...]
    least: int
    most: int


def _only_strings(schema: object, root: Mapping[str, object]) -> bool:
    for _ in range(_MOST_REFS):
        if not isinstance(schema, Mapping):
            return False
        if "$ref" not in schema:
            break
        schema = _referred(schema["$ref"], root)
    else:
        return False
    if "type" in schema:
        return schema["type"] in ("string", ["string"])
    values = schema["enum"] if "enum" in schema else [schema.get("const")]
    return isinstance(values, list) and bool(values) and all(isinstance(value, str) for value in values)


def _referred(pointer: object, root: Mapping[str, object]) -> object:
    """What a JSON pointer within the schema leads to (RFC 6901); None where that is nothing."""
    if not isinstance(pointer, str) or not pointer.startswith("#/"):
        return None
    found: object = root
    for part in pointer[2:].split("/"):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part.replace("~1", "/").replace("~0", "~"))
    return found
