"""JSON of many values is read like JSON of few, and no worse text is taken."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.openai.json_text import MOST_OBJECTS, BadJson, TooManyObjects, read_json

MANY = b"0," * 10_000

texts = st.text(st.characters(codec="utf-8"), max_size=10)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)


@settings(deadline=None, max_examples=50)
@given(values, st.booleans())
def test_many_values_are_read_as_few_are(value: object, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped).encode()
    assert read_json(text) == value
    assert read_json(b"[%b%b]" % (MANY, text)) == [*[0] * 10_000, value]


@pytest.mark.parametrize(
    "text",
    [
        b"NaN",
        b"-Infinity",
        b'"\xff"',
        b'"\\ud800"',
        b'{"\\udc00": 1}',
        b'"a',
        b"01",
        b"1 2",
        b"'a'",
        b"[" * 200_000 + b"]" * 200_000,
        b"\xe2\x82",
        b"[1,]",
        b'"\n"',
    ],
)
def test_what_is_no_json_is_refused_among_many_values_too(text: bytes) -> None:
    for one in (text, b"[%b%b]" % (MANY, text)):
        with pytest.raises(BadJson):
            read_json(one)


def test_a_character_is_read_that_lies_on_the_border_of_two_slices() -> None:
    for shift in range(4):
        value = [*[0] * 10_000, "a" * shift + "né👍" * 100_000]
        assert read_json(orjson.dumps(value)) == value


def test_so_many_objects_are_read_and_no_more() -> None:
    assert read_json(b"[%b]" % b",".join([b"{}"] * MOST_OBJECTS)) == [{}] * MOST_OBJECTS
    with pytest.raises(TooManyObjects):
        read_json(b"[%b]" % b",".join([b"{}"] * (MOST_OBJECTS + 1)))
