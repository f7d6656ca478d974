from __future__ import annotations

import pytest

from proxy.tools import Tool

DEFINITIONS = {
    "word": {"type": "string", "maxLength": 3},
    "a/b~c": {"$ref": "#/$defs/word"},
    "loop": {"$ref": "#/$defs/loop"},
}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, True),
        ({"type": ["string"]}, True),
        ({"enum": ["a", "b"]}, True),
        ({"const": "a"}, True),
        ({"$ref": "#/$defs/word"}, True),
        ({"$ref": "#/$defs/a~1b~0c"}, True),
        ({"type": ["string", "null"]}, False),
        ({"type": "integer", "enum": ["a"]}, False),
        ({"enum": ["a", 1]}, False),
        ({"enum": []}, False),
        ({"const": 1}, False),
        ({}, False),
        (True, False),
        ({"$ref": "#/$defs/loop"}, False),
        ({"$ref": "#/$defs/none/at/all"}, False),
        ({"$ref": "https://example.com/word"}, False),
        ({"anyOf": [{"type": "string"}]}, False),
    ],
)
def test_what_can_only_be_a_string(schema: object, text: bool) -> None:
    tool = Tool("f", None, {"properties": {"x": schema}, "$defs": DEFINITIONS})
    assert tool.texts == ({"x"} if text else set())


def test_a_function_without_parameters_has_no_texts() -> None:
    assert Tool("f", None, {}).texts == frozenset()
    assert Tool("f", None, {"properties": []}).texts == frozenset()
