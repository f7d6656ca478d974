"""Tools of the Berkeley function-calling leaderboard, as the schemas beside the checkout have them."""

from __future__ import annotations

import json
import re
from typing import NamedTuple, cast

import pytest
from typing_extensions import TypedDict

from benchmarks.maskbench import SAMPLE

_SETS = 30


class Schema(TypedDict, total=False):
    properties: dict[str, dict[str, object]]
    anyOf: list[Schema]


class ToolSet(NamedTuple):
    """name: of the schema. tools: in OpenAI's shape."""

    name: str
    tools: list[dict[str, object]]

    def parameters(self, function: str) -> dict[str, object]:
        """The schema of a function's arguments. Raises KeyError for one that is not given."""
        by_name: dict[object, dict[str, object]] = {}
        for tool in self.tools:
            found = tool["function"]
            assert isinstance(found, dict)
            by_name[found["name"]] = found["parameters"]
        return by_name[function]


def tool_sets() -> list[ToolSet]:
    """Some from all over; two of three are brief. Skips the test where there are none."""
    paths = sorted(SAMPLE.glob("BFCL_*.json"))[::2][:_SETS]
    if not paths:
        pytest.skip(f"there are no schemas in {SAMPLE}: FORII_MASKBENCH names their folder")
    schemas = [json.loads(path.read_bytes())["schema"] for path in paths]
    return [
        ToolSet(path.stem, _tools(cast(Schema, _brief(schema) if place % 3 else schema)))
        for place, (path, schema) in enumerate(zip(paths, schemas, strict=True))
    ]


def _brief(schema: object) -> object:
    """The schema with short strings and arrays: a small model seldom finds an end where any text will do."""
    if isinstance(schema, list):
        return [_brief(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    bounds: dict[str, object] = {}
    if schema.get("type") in ("string", "array"):
        bounds = {"maxLength": 12} if schema["type"] == "string" else {"maxItems": 2}
    return bounds | {name: _brief(inner) for name, inner in schema.items()}


def _tools(schema: Schema) -> list[dict[str, object]]:
    """schema: of an object whose one property is a function's name, with the schema of its arguments; or of any of
    several such."""
    found: list[dict[str, object]] = []
    for one in schema.get("anyOf", [schema]):
        for name, parameters in one["properties"].items():
            function = {"name": re.sub("[^A-Za-z0-9_-]", "_", name)[:64], "parameters": parameters}
            found.append({"type": "function", "function": function})
    return found
