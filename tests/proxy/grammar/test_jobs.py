from __future__ import annotations

import pytest

from proxy.grammar.answer_bounds import AnswerBounds
from proxy.grammar.bounded_answer import BoundedAnswer
from proxy.grammar.invalid import InvalidSchema
from proxy.grammar.jobs import compiled, violation
from proxy.grammar.said import Said

PLAIN = AnswerBounds(schema=b"{}", open_objects=True)
# The same for a schema that says everything in its grammar, and for one that leaves something to the check.
ANYTHING = BoundedAnswer(PLAIN, 2).judge(unique_keys=False)
UNIQUE = BoundedAnswer(PLAIN, 2).judge(unique_keys=True)


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
    found = ANYTHING.violation(Said(text))
    assert found is not None
    assert len(found) < 200


@pytest.mark.parametrize(
    "text", ["null", "1e308", '"\\ud83d\\ude00"', '"\\u0000"', '{"a": [1, {"a": 2}]}', "9" * 300]
)
def test_what_is_json_is_not(text: str) -> None:
    assert UNIQUE.violation(Said(text)) is None


def test_a_key_that_comes_twice_is_wrong_only_where_that_is_asked() -> None:
    text = '[{"a": 1, "b": 2, "a": 3}]'
    assert ANYTHING.violation(Said(text)) is None
    assert "twice" in str(UNIQUE.violation(Said(text)))


def test_a_schema_says_what_is_wrong_and_where() -> None:
    schema = b'{"type": "array", "items": {"type": "integer"}, "uniqueItems": true}'
    found = compiled(AnswerBounds(schema=schema), seconds=2)
    assert found.checked
    assert violation(found.judge, Said("[1, 2]")) is None
    assert str(violation(found.judge, Said('[1, "2"]'))).startswith("#/1: ")
    assert "[1,1]" in str(violation(found.judge, Said("[1, 1]"))).replace(" ", "")


def test_a_schema_that_is_refused_is_refused() -> None:
    with pytest.raises(InvalidSchema):
        compiled(AnswerBounds(schema=b'{"type": "nonsense"}'), seconds=2)
