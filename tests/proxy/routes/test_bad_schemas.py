"""Bad schemas and response formats, by name: each is told with its field and place, and nothing is generated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from tests.proxy import chat
from tests.proxy.served import Serve

FIELD = "response_format.json_schema.schema"
VALUE, MISSING, SCHEMA = "invalid_value", "missing_required_parameter", "invalid_json_schema"


def of(schema: object, **fields: object) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **fields}}


def nested(depth: int) -> dict[str, object]:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


class Bad(NamedTuple):
    name: str
    format: object
    code: str
    param: str
    says: str  # part of the message


CLOSED: Mapping[str, object] = {"properties": {"a": {}}, "required": ["b"], "additionalProperties": False}
SCHEMAS = [
    Bad("no JSON Schema", of({"type": "text"}), SCHEMA, FIELD, "#/type"),
    Bad("a very long word", of({"type": "x" * 5000}), SCHEMA, FIELD, "#/type"),
    Bad("a bad word deep inside", of({"items": {"minimum": "1"}}), SCHEMA, FIELD, "#/items/minimum"),
    Bad("a $ref to nowhere", of({"$ref": "#/$defs/none"}), SCHEMA, FIELD, "#/$ref"),
    Bad("a remote $ref", of({"$ref": "https://example.com/schema.json"}), SCHEMA, FIELD, "#/$ref"),
    Bad("200 levels", of(nested(200)), SCHEMA, FIELD, "nested"),
    Bad("5 MB", of({"description": "x" * 5_000_000}), SCHEMA, FIELD, "262144"),
    Bad("minimum above maximum", of({"type": "integer", "minimum": 5, "maximum": 4}), SCHEMA, FIELD, "#"),
    Bad("an enum of nothing", of({"properties": {"a": {"enum": []}}}), SCHEMA, FIELD, "#/properties/a/enum"),
    Bad("no regex", of({"type": "string", "pattern": "(a"}), SCHEMA, FIELD, "#/pattern"),
    Bad("a look-behind", of({"type": "string", "pattern": "(?<=a)b"}), SCHEMA, FIELD, "#/pattern"),
    Bad("required but forbidden", of({"type": "object", **CLOSED}), SCHEMA, FIELD, "#"),
]
FORMATS = [
    Bad("a format that is no object", "json", VALUE, "response_format", "object"),
    Bad("a type that is none", {"type": "xml"}, VALUE, "response_format.type", "'json_schema'"),
    Bad("no type", {}, MISSING, "response_format.type", "required"),
    Bad("no json_schema", {"type": "json_schema"}, MISSING, "response_format.json_schema", "required"),
    Bad("no name", {"type": "json_schema", "json_schema": {"schema": {}}}, MISSING,
        "response_format.json_schema.name", "required"),
    Bad("no schema", {"type": "json_schema", "json_schema": {"name": "x"}}, MISSING, FIELD, "required"),
    Bad("a schema that is a list", of([]), VALUE, FIELD, "JSON object"),
    Bad("a schema that is a boolean", of(True), VALUE, FIELD, "JSON object"),
    Bad("a name with a space", of({}, name="an answer"), VALUE, "response_format.json_schema.name", "match"),
    Bad("a name of 65 letters", of({}, name="x" * 65), VALUE, "response_format.json_schema.name", "match"),
    Bad("a number as strict", of({}, strict=1), VALUE, "response_format.json_schema.strict", "boolean"),
]  # fmt: skip


@pytest.mark.parametrize("bad", [*SCHEMAS, *FORMATS], ids=lambda bad: bad.name)
async def test_it_is_refused_streamed_or_not_and_disturbs_nobody(bad: Bad, serve: Serve) -> None:
    client, engine = serve()

    async def refused(stream: bool) -> None:
        response = await client.post(chat.URL, json=chat.body(stream=stream, response_format=bad.format))
        error = chat.error(response)
        assert (response.status_code, error["type"]) == (400, "invalid_request_error")
        assert (error["code"], error["param"]) == (bad.code, bad.param)
        assert bad.says in str(error["message"])
        assert len(str(error["message"])) < 500

    plain = client.post(chat.URL, json=chat.body(max_tokens=5))
    answer, *_ = await asyncio.gather(plain, refused(False), refused(True))
    assert answer.status_code == 200
    assert [generation.guide for generation in engine.asked] == [None]


async def test_a_schema_of_1000_levels_is_too_deep_wherever_it_is_seen(serve: Serve) -> None:
    """The reader of bodies stops before the compiler does."""
    client, engine = serve()
    schema = "[" * 1000 + "]" * 1000
    body = json.dumps(chat.body(response_format=of({"enum": 0}))).replace('"enum": 0', f'"enum": {schema}')
    response = await client.post(chat.URL, content=body, headers={"content-type": "application/json"})
    assert (response.status_code, chat.error(response)["code"]) == (400, SCHEMA)
    assert engine.asked == []


async def test_a_text_completion_has_no_response_format(serve: Serve) -> None:
    client, engine = serve()
    body = {"model": "forii/bytes", "prompt": "x", "max_tokens": 2, "response_format": {"type": "json_object"}}
    response = await client.post(chat.URL.replace("chat/", ""), json=body)
    assert (response.status_code, engine.asked[0].guide) == (200, None)
    assert response.headers["x-forii-ignored-params"] == "response_format"
