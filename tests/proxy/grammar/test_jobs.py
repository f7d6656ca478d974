from __future__ import annotations

import pytest

from proxy.grammar.invalid import InvalidSchema
from proxy.grammar.jobs import compiled, violation

ANYTHING = compiled(b"{}", open_objects=True, seconds=2).schema
# What is JSON to Python, or nearly so.
NO_JSON = [
    "",
    "{",
    "[1, 2",
    "[1] [2]",
    "NaN",
    "[-Infinity]",
    "1e999",
    '"\\ud800"',
    '["\\udc00\\ud800"]',
    '"a\nb"',
    "[" * 100_000,
    "01",
]


@pytest.mark.parametrize("text", NO_JSON)
def test_what_is_no_json_is_wrong_whatever_the_schema(text: str) -> None:
    found = violation(ANYTHING, text, unique_keys=False)
    assert found is not None
    assert len(found) < 200


@pytest.mark.parametrize(
    "text", ["null", "1e308", '"\\ud83d\\ude00"', '"\\u0000"', '{"a": [1, {"a": 2}]}', "9" * 300]
)
def test_what_is_json_is_not(text: str) -> None:
    assert violation(ANYTHING, text, unique_keys=True) is None


def test_a_key_that_comes_twice_is_wrong_only_where_that_is_asked() -> None:
    text = '[{"a": 1, "b": 2, "a": 3}]'
    assert violation(ANYTHING, text, unique_keys=False) is None
    assert "twice" in str(violation(ANYTHING, text, unique_keys=True))


def test_a_schema_says_what_is_wrong_and_where() -> None:
    found = compiled(
        b'{"type": "array", "items": {"type": "integer"}, "uniqueItems": true}', open_objects=False, seconds=2
    )
    assert found.checked
    assert violation(found.schema, "[1, 2]", unique_keys=True) is None
    assert str(violation(found.schema, '[1, "2"]', unique_keys=True)).startswith("#/1: ")
    assert "[1,1]" in str(violation(found.schema, "[1, 1]", unique_keys=True)).replace(" ", "")


def test_a_schema_that_is_refused_is_refused() -> None:
    with pytest.raises(InvalidSchema):
        compiled(b'{"type": "nonsense"}', open_objects=False, seconds=2)
