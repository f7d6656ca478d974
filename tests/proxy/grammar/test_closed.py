"""Which properties an object has that lists some and says nothing of others: those that apply to it."""

from __future__ import annotations

import pytest

from benchmarks.maskbench.reader import Reader
from proxy.grammar import compile_schema
from proxy.grammar.json_value import JSON

INTEGER: JSON = {"type": "integer"}
OTHER_KEY = {"not": {"properties": {"b": {"const": "x"}}, "required": ["b"]}}
SHAPES: JSON = [
    {"properties": {"kind": {"const": "a"}, "x": INTEGER}, "required": ["kind"]},
    {"properties": {"kind": {"const": "b"}, "y": INTEGER}, "required": ["kind"]},
]
BY_KIND: JSON = {
    "properties": {"a": INTEGER},
    "if": {"properties": {"a": {"minimum": 5}}, "required": ["a"]},
    "then": {"properties": {"x": INTEGER}},
    "else": {"properties": {"y": INTEGER}},
}


@pytest.mark.parametrize(
    ("schema", "taken", "refused"),
    [
        ({"properties": {"a": INTEGER}}, ["{}", '{"a": 1}'], ['{"b": 1}', '{"a": 1, "b": 1}']),
        # Where b is something else it has to be there.
        ({"properties": {"a": INTEGER}, **OTHER_KEY}, ["{}", '{"a": 1, "b": 2}'], ['{"b": "x"}', '{"c": 1}']),
        (OTHER_KEY, ['{"a": 1}', '{"b": 2}', '{"b": 2, "a": 1}'], ['{"b": "x"}']),
        (
            {"allOf": [{"properties": {"a": INTEGER}}, {"properties": {"b": INTEGER}}]},
            ['{"a": 1, "b": 2}', '{"b": 2}'],
            ['{"c": 1}'],
        ),
        ({"oneOf": SHAPES}, ['{"kind": "a", "x": 1}', '{"kind": "b", "y": 1}'], ['{"kind": "a", "y": 1}']),
        (
            BY_KIND,
            ['{"a": 5, "x": 1}', '{"a": 4, "y": 1}', '{"y": 1}'],
            ['{"a": 5, "y": 1}', '{"x": 1}'],
        ),
        ({"if": {"properties": {"a": INTEGER}}, "then": {"maxProperties": 1}}, ['{"b": 1}', '{"a": 1}'], []),
        (
            {
                "properties": {"a": INTEGER},
                "patternProperties": {"^x": {"type": "string"}},
                "if": {"properties": {"x1": {"const": "y"}}},
                "else": {"properties": {"b": INTEGER}},
            },
            ['{"x1": "y"}', '{"b": 1, "x1": "n"}', '{"a": 1, "x2": "n"}'],
            ['{"b": 1, "x1": "y"}', '{"b": 1}'],
        ),
        ({"properties": {"a": INTEGER}, "minProperties": 2}, ['{"a": 1, "b": 2}'], ["{}"]),
        (
            {"properties": {"a": INTEGER, "b": False}, "minProperties": 2},
            ['{"a": 1, "c": 2}'],
            ['{"a": 1, "b": 2}'],
        ),
    ],
)
def test_what_applies_to_an_object_closes_it(
    schema: dict[str, JSON], taken: list[str], refused: list[str]
) -> None:
    reader = Reader(compile_schema({"type": "object", **schema}).ebnf, exactly=True)
    assert [text for text in taken if not reader.accepts(text)] == []
    assert [text for text in refused if reader.accepts(text)] == []


def test_keys_that_are_only_asked_about_come_after_the_objects_own() -> None:
    schema: JSON = {
        "type": "object",
        "not": {"properties": {"z": {"const": "x"}}, "required": ["z"]},
        "properties": {"a": INTEGER},
    }
    reader = Reader(compile_schema(schema, open_objects=True).ebnf, exactly=True)
    assert reader.accepts('{"a": 1, "z": 2}')
    assert not reader.accepts('{"a": 1, "z": "x"}')


def test_another_property_has_one_place_between_the_declared_ones() -> None:
    """Read in more than one way it would cost time that grows with every further one."""
    schema: JSON = {"type": "object", "properties": dict.fromkeys("abcdefgh", INTEGER)}
    reader = Reader(compile_schema(schema, open_objects=True).ebnf)
    many = ", ".join(f'"k{number}": null' for number in range(300))
    assert reader.accepts(f'{{{many}, "c": 1, {many}, "h": 1, {many}}}')
    assert not reader.accepts('{"c": 1, "k": 1, "a": 1}')
