"""JSON values, and a hashable one for ``enum`` and ``const``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Union

JSON = Union[None, bool, int, float, str, list["JSON"], dict[str, "JSON"]]  # noqa: UP007 - a recursive alias
JSONObject = dict[str, JSON]

KINDS = frozenset(("null", "boolean", "number", "string", "array", "object"))


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON value. text: as it is written. meaning: the same for equal values (1 and 1.0; keys in any order)."""

    text: str = field(compare=False)
    meaning: str
    kind: str
    value: JSON = field(compare=False)

    @classmethod
    def of(cls, value: JSON) -> Value:
        """The value of this JSON value."""
        return cls(written(value), json.dumps(_whole(value), sort_keys=True), kind_of(value), value)


def written(value: JSON) -> str:
    """The one spelling of a value that answers use: a space after ``:`` and ``,``, nothing escaped needlessly."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def kind_of(value: JSON) -> str:
    """Its type, with integers among the numbers."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _whole(value: JSON) -> JSON:
    """Whole floats as integers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return value
