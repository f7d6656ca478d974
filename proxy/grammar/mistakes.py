"""What a schema is that is no JSON Schema, in words for its author: the place, the keyword, what it has to be.

The meta-schemas of the drafts find the mistake; what they say of it (``not valid under any of the given schemas``)
tells nobody what to change.
"""

from __future__ import annotations

from collections.abc import Sequence

import jsonschema_rs

from .draft import MANY, NAMED, ONE, Draft, escape
from .invalid import InvalidSchema
from .json_value import JSON, written

_SHOWN = 60  # characters of what is wrong

_SCHEMA = "a schema: an object or a boolean"
_SCHEMAS = "an object whose values are schemas"
_LIST = "a list of schemas, with one at least"
_COUNT = "a whole number, 0 or more"
_NUMBER = "a number"
_TEXT = "a string"
_BOUNDS = ("minimum", "maximum")
_MUST_BE = {
    **dict.fromkeys(ONE, _SCHEMA),
    **dict.fromkeys(NAMED, _SCHEMAS),
    **dict.fromkeys(MANY, _LIST),
    **dict.fromkeys(
        (low + of for low in ("min", "max") for of in ("Length", "Items", "Properties", "Contains")), _COUNT
    ),
    **dict.fromkeys(_BOUNDS, _NUMBER),
    **dict.fromkeys(
        ("exclusiveMinimum", "exclusiveMaximum"), "a number (in draft-04: true or false, beside a bound)"
    ),
    **dict.fromkeys(
        ("$ref", "$id", "id", "$anchor", "$schema", "$comment", "title", "description", "format"), _TEXT
    ),
    "items": "a schema, or (up to 2019-09) a list of schemas",
    "dependencies": "an object whose values are schemas or lists of names",
    "dependentRequired": "an object whose values are lists of names",
    "type": "one of null, boolean, integer, number, string, array, object, or a list of some of them",
    "enum": "a list of values",
    "required": "a list of names, each of them once",
    "multipleOf": "a number above 0",
    "uniqueItems": "true or false",
    "pattern": "a regular expression, in a string",
}


def mistake(schema: JSON, draft: Draft, error: jsonschema_rs.ValidationError) -> InvalidSchema:
    """The refusal of a schema that is not one. error: what the draft's meta-schema says of it."""
    parts = list(error.instance_path)
    while True:
        depth, word = _keyword(schema, parts)
        value = _at(schema, parts[:depth] if word is None else [*parts[:depth], word])
        if word is None or word not in ONE | MANY or not isinstance(value, dict):
            break
        # Where a schema or a list may stand, the meta-schema only says that it is neither.
        deeper = _error(value, draft)
        if deeper is None:
            break
        parts = [*parts[:depth], word, *deeper.instance_path]
    path = "#" + "".join("/" + escape(str(part)) for part in parts[:depth])
    shown = written(value)
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
    if word is None:
        return InvalidSchema(f"{shown} is not {_SCHEMA}", path)
    if word in _MUST_BE:
        return InvalidSchema(f"{shown} is not {_MUST_BE[word]}", path, word)
    return InvalidSchema(f"this is not JSON Schema: {error.message}", path, word)


def _error(schema: JSON, draft: Draft) -> jsonschema_rs.ValidationError | None:
    try:
        draft.validator(schema, offline=True)
    except jsonschema_rs.ValidationError as error:
        return error
    except ValueError:
        return None  # its references lead out of it: as a part it cannot be asked about
    return None


def _keyword(schema: JSON, parts: Sequence[str | int]) -> tuple[int, str | None]:
    """How many parts of the path lead to the innermost schema, and the keyword there; None: it is itself wrong."""
    depth = 0
    while depth < len(parts):
        word = str(parts[depth])
        below = _at(schema, parts[: depth + 1])
        steps = 2 if word in NAMED or (word in MANY and isinstance(below, list)) else 1
        if (
            word not in ONE | MANY | NAMED
            or len(parts) < depth + steps
            or (steps == 1 and len(parts) == depth + 1)
        ):
            return depth, word
        depth += steps
    return depth, None


def _at(schema: JSON, parts: Sequence[str | int]) -> JSON:
    for part in parts:
        if isinstance(schema, list):
            schema = schema[int(part)]
        elif isinstance(schema, dict):
            schema = schema[str(part)]
    return schema
