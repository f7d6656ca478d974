"""``response_format`` of a chat completion. Source: API contract, section 5.

::

    {"type": "text"}
    {"type": "json_object"}
    {"type": "json_schema", "json_schema": {"name": "person", "schema": {"type": "object", ...}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .wire import Part


class JsonSchema(Part):
    """The answer's schema and what the client calls it. strict: an answer is bound either way."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = None
    schema_: Annotated[dict[str, object], Field(alias="schema")]
    strict: bool | None = None


class TextFormat(Part):
    type: Literal["text"]


class JsonObjectFormat(Part):
    type: Literal["json_object"]


class JsonSchemaFormat(Part):
    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """What an answer has to conform to. schema: JSON Schema, not yet looked at. open_objects: whether objects that
    list their properties may have others. param: the field that it comes from."""

    schema: Mapping[str, object]
    open_objects: bool
    param: str


ANY_OBJECT = AnswerSchema({"type": "object"}, True, "response_format")


def answer_schema(wanted: TextFormat | JsonObjectFormat | JsonSchemaFormat | None) -> AnswerSchema | None:
    """None where any text will do."""
    if isinstance(wanted, JsonSchemaFormat):
        return AnswerSchema(wanted.json_schema.schema_, False, "response_format.json_schema.schema")
    return ANY_OBJECT if isinstance(wanted, JsonObjectFormat) else None
