"""Schemas of growing difficulty that a small model is asked to fulfil, and what it is asked with each."""

from __future__ import annotations

from typing import NamedTuple

Schema = dict[str, object]


class Task(NamedTuple):
    name: str
    question: str
    schema: Schema


def record(**properties: object) -> Schema:
    """An object with just these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def words(longest: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": longest}


_AGE: Schema = {"type": "integer", "minimum": 0, "maximum": 120}
_SHORT: Schema = {"type": "string", "pattern": "^[A-Za-z ]{1,20}$"}
_COLOUR: Schema = {"enum": ["red", "green", "blue"]}
_TREE: Schema = record(
    name=_SHORT, children={"type": "array", "items": {"$ref": "#/$defs/leaf"}, "minItems": 1, "maxItems": 2}
) | {"$defs": {"leaf": record(name=_SHORT, colour=_COLOUR)}}

PERSON = record(name=words(40), age=_AGE, city=words(40))
HINDI = "रमेश शर्मा 34 साल के हैं और जयपुर में रहते हैं। नाम, उम्र और शहर बताइए।"

TASKS = (
    Task("a person in Hindi", HINDI, PERSON),
    Task("a boolean", "Is the sky blue?", {"type": "boolean"}),
    Task("a constant", "Say yes.", {"const": {"answer": "yes", "why": None}}),
    Task("one of three", "Which colour has grass?", _COLOUR),
    Task("an integer in bounds", "How old is a school child?", {"type": "integer", "minimum": 6, "maximum": 18}),
    Task("a number in bounds", "How likely is rain?", {"type": "number", "minimum": 0, "maximum": 1}),
    Task("a short string", "Name a city.", words(20)),
    Task("a pattern", "Make up a postal code.", {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"}),
    Task("a date", "When was India independent?", {"type": "string", "format": "date"}),
    Task("an array of integers", "Count to five.", {"type": "array", "items": _AGE, "minItems": 3, "maxItems": 5}),
    Task("a tuple", "Where is Delhi?", {"prefixItems": [_SHORT, {"type": "number", "minimum": 0, "maximum": 90}],
         "type": "array", "items": False, "minItems": 2}),
    Task("a nested object", "Describe a house.", record(colour=_COLOUR, owner=record(name=_SHORT, age=_AGE))),
    Task("an optional property", "Describe a shirt.",
         {**record(colour=_COLOUR, size=_AGE), "required": ["colour"]}),
    Task("either kind", "Name a city or a number.", {"anyOf": [record(city=_SHORT), record(number=_AGE)]}),
    Task("exactly one kind", "Name a pet.", {"oneOf": [record(kind={"const": "cat"}, lives=_AGE),
         record(kind={"const": "dog"}, name=_SHORT)]}),
    Task("both sides", "Describe Ramesh.",
         {"allOf": [{"properties": {"age": {"minimum": 18}}}, record(age=_AGE)]}),
    Task("null or text", "Name your boss.", record(boss={"type": ["string", "null"], "maxLength": 20})),
    Task("a tree", "Draw a family tree.", _TREE),
    Task("different items", "Name some colours.", {"type": "array", "items": _COLOUR, "uniqueItems": True}),
    Task("different numbers", "Draw the lottery.", {"type": "array", "uniqueItems": True, "minItems": 2,
         "maxItems": 3, "items": {"type": "integer", "minimum": 1, "maximum": 49}}),
    Task("a multiple", "How much is it?", record(price={"type": "number", "multipleOf": 0.05, "minimum": 0,
         "maximum": 9})),
)  # fmt: skip
