"""Schemas that are refused: with the place, a reason, and in milliseconds."""

from __future__ import annotations

import time

import pytest

from benchmarks.maskbench.reader import Reader
from proxy.grammar import InvalidSchema, compile_schema
from proxy.grammar.json_value import JSON, written

_PROMISED = 0.25  # seconds of processor time; the contract says milliseconds


def nested(depth: int) -> JSON:
    schema: JSON = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


UNTYPED: dict[str, JSON] = {"properties": {}, "required": ["id"], "additionalProperties": False}
IMPOSSIBLE: dict[str, JSON] = {"type": "object", **UNTYPED}


def below(schema: JSON) -> JSON:
    """The schema of the property ``age`` of an object."""
    return {"type": "object", "properties": {"name": {"type": "string"}, "age": schema}}


REFUSED: dict[str, tuple[JSON, str]] = {
    "a number": (5, "#"),
    "a list": ([], "#"),
    "an unknown type": (below({"type": "whole"}), "#/properties/age/type"),
    "properties that are a list": (below({"properties": []}), "#/properties/age/properties"),
    "required that is a word": (below({"required": "name"}), "#/properties/age/required"),
    "a property that is no schema": (below(3), "#/properties/age"),
    "a negative length": (below({"type": "string", "maxLength": -1}), "#/properties/age/maxLength"),
    "$ref to nowhere": (below({"$ref": "#/$defs/none"}), "#/properties/age/$ref"),
    "$ref to an anchor that is not": (below({"$ref": "#none"}), "#/properties/age/$ref"),
    "$ref to a remote URL": (below({"$ref": "https://example.com/schema.json"}), "#/properties/age/$ref"),
    "nested 1,000 deep": (nested(1000), "#"),
    "5 MB": ({"properties": {f"key{number:05}": {"description": "x" * 85} for number in range(45_000)}}, "#"),
    "minimum above maximum": (below({"type": "integer", "minimum": 2, "maximum": 1}), "#/properties/age/minimum"),
    "minLength above maxLength": (below({"minLength": 2, "maxLength": 1}), "#/properties/age/minLength"),
    "minItems above maxItems": (below({"minItems": 2, "maxItems": 1}), "#/properties/age/minItems"),
    "an enum of nothing": (below({"enum": []}), "#/properties/age/enum"),
    "a pattern that is no regex": (below({"pattern": "(a"}), "#/properties/age/pattern"),
    "a pattern with a look-behind": (below({"pattern": "(?<=a)b"}), "#/properties/age/pattern"),
    "a key that is required and forbidden": (
        {"type": "object", "properties": {}, "required": ["id"], "additionalProperties": False},
        "#/required",
    ),
    "the same without a type": (UNTYPED, "#/required"),
    "the same beside a pattern": ({**IMPOSSIBLE, "patternProperties": {"^x": {}}}, "#/required"),
    "the same in a required property, not in an optional one": (
        {"properties": {"x": dict(IMPOSSIBLE), "a/b": dict(IMPOSSIBLE)}, "required": ["a/b"]},
        "#/properties/a~1b/required",
    ),
    "the same in items that there must be": (
        {"type": "array", "minItems": 1, "items": {"properties": {"a": UNTYPED}, "required": ["a"]}},
        "#/items/properties/a/required",
    ),
    "the same in a place of a list": ({"prefixItems": [{}, UNTYPED], "minItems": 2}, "#/prefixItems/1/required"),
    "the same in a part": ({"allOf": [{}, IMPOSSIBLE]}, "#/allOf/1/required"),
    "the same behind a reference": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {"b": UNTYPED}, "required": ["b"]}}},
        "#/$defs/a/properties/b/required",
    ),
    "the same in all branches": ({"anyOf": [IMPOSSIBLE]}, "#/anyOf/0/required"),
    "a type in a list that is none": (below({"type": ["string", "whole"]}), "#/properties/age/type"),
    "a mistake below a word that may be a list": (
        {"$schema": "http://json-schema.org/draft-07/schema#", "items": {"properties": {"type": {"type": 5}}}},
        "#/items/properties/type/type",
    ),
    "a property called type that is no schema": ({"properties": {"type": 3}}, "#/properties/type"),
    "nothing satisfies it": (False, "#"),
    "it needs itself without end": (
        {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]},
        "#",
    ),
    "a draft that nobody knows": ({"$schema": "https://example.com/draft"}, "#/$schema"),
}


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("open_objects", [False, True])
def test_a_bad_schema_is_refused_with_its_place(name: str, open_objects: bool) -> None:
    schema, place = REFUSED[name]
    begin = time.thread_time()
    with pytest.raises(InvalidSchema) as caught:
        compile_schema(schema, open_objects=open_objects)
    assert time.thread_time() - begin < _PROMISED
    error = caught.value
    assert f"{error.path}/{error.keyword}".rstrip("/") == place
    assert str(error) == f"{place}: {error.message}"
    assert error.message


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        ({"propertyNames": {"const": "a"}}, {"b": 1}),
        (
            {"allOf": [{"properties": {"a": {}}, "unevaluatedProperties": False}, {"properties": {"b": {}}}]},
            {"b": 1},
        ),
        ({"prefixItems": [{"type": "integer"}], "unevaluatedItems": False}, [1, 2]),
        ({"$dynamicAnchor": "n", "properties": {"a": {"$dynamicRef": "#n"}}, "type": "object"}, {"a": 1}),
    ],
)
def test_what_the_grammar_lets_through_is_checked(schema: JSON, instance: JSON) -> None:
    compiled = compile_schema(schema, open_objects=True)
    assert compiled.checked or not Reader(compiled.ebnf).accepts(written(instance))
    assert compiled.validate(instance)


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        ({"propertyNames": {"const": "a"}}, {"a": 1}),
        ({"contains": {"type": "string"}, "unevaluatedItems": {"type": "integer"}}, ["a"]),
        ({"items": True, "unevaluatedItems": False}, [1]),
        ({"allOf": [{"unevaluatedProperties": True}], "unevaluatedProperties": False}, {"a": 1}),
    ],
)
def test_nothing_valid_is_refused(schema: JSON, instance: JSON) -> None:
    assert Reader(compile_schema(schema, open_objects=True).ebnf).accepts(written(instance))


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        (below(IMPOSSIBLE), {"name": "a"}),
        ({"type": "array", "items": UNTYPED}, []),
        ({"prefixItems": [{}, IMPOSSIBLE], "minItems": 1}, [1]),
        ({"anyOf": [IMPOSSIBLE, {"type": "string"}]}, "a"),
        ({**UNTYPED, "type": ["object", "null"]}, None),
        ({**UNTYPED, "type": "string"}, "a"),
        ({**UNTYPED, "patternProperties": {"^i": {}}}, {"id": 1}),
        ({"not": IMPOSSIBLE}, 1),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "$ref": "#/definitions/a",
                "allOf": [IMPOSSIBLE],
                "definitions": {"a": {}},
            },
            1,
        ),
    ],
)
def test_what_no_answer_needs_may_be_impossible(schema: JSON, instance: JSON) -> None:
    assert Reader(compile_schema(schema).ebnf).accepts(written(instance))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "whole"}, '#/type: "whole" is not one of null, boolean, integer,'),
        ({"properties": {"a": {"type": 5}}}, "#/properties/a/type: 5 is not one of null,"),
        ({"required": ["a", "a"]}, '#/required: ["a", "a"] is not a list of names, each of them once'),
        ({"items": 5}, "#/items: 5 is not a schema"),
        ({"enum": {}}, "#/enum: {} is not a list of values"),
        ({"minimum": "3" * 200}, f'#/minimum: "{"3" * 59}... is not a number'),
        ({"$vocabulary": 3}, "#/$vocabulary: this is not JSON Schema: 3 is not of type"),
    ],
)
def test_a_mistake_is_told_with_what_has_to_be_there(schema: JSON, said: str) -> None:
    with pytest.raises(InvalidSchema) as caught:
        compile_schema(schema)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    "schema", [{"$id": "http://[::1"}, {"$ref": "http://[x"}, {"$ref": "#/x", "x": {"multipleOf": 0}}]
)
def test_odd_schemas_are_refused(schema: JSON) -> None:
    with pytest.raises(InvalidSchema):
        compile_schema(schema)
