"""Bad input, by name: each has its status, its code, its param, a message that says what to do, and nothing is
generated."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from tests.proxy import chat
from tests.proxy.served import Serve

_BASE = chat.body()


class Bad(NamedTuple):
    name: str
    body: bytes | dict[str, object]
    status: int
    code: str
    param: str | None
    says: str  # part of the message
    media_type: str = "application/json"


def _message(**fields: object) -> dict[str, object]:
    return {**_BASE, "messages": [{"role": "user", "content": "Hi"}, fields]}


def _with(**fields: object) -> dict[str, object]:
    return {**_BASE, **fields}


IMAGE = {"type": "image_url", "image_url": {"url": "https://example/a.png"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
VALUE, MISSING, UNSUPPORTED = "invalid_value", "missing_required_parameter", "unsupported_parameter"

BY_NAME = [
    Bad("empty messages", _with(messages=[]), 400, VALUE, "messages", "at least 1"),
    Bad("a role that is none", _message(role="boss", content="x"), 400, VALUE, "messages[1].role", "'user'"),
    Bad(
        "content null for a user", _message(role="user", content=None), 400, VALUE, "messages[1].content", "string"
    ),
    Bad(
        "content null for an assistant without calls",
        _message(role="assistant", content=None),
        *(400, VALUE, "messages[1].content", "tool_calls"),
    ),
    Bad("five stop strings", _with(stop=list("abcde")), 400, VALUE, "stop", "at most 4"),
    Bad("an empty stop string", _with(stop=""), 400, VALUE, "stop", "at least 1"),
    Bad("an empty stop string in a list", _with(stop=["a", ""]), 400, VALUE, "stop[1]", "at least 1"),
    Bad("n of 0", _with(n=0), 400, VALUE, "n", "greater than or equal to 1; got 0"),
    Bad("a temperature of 3", _with(temperature=3), 400, VALUE, "temperature", "less than or equal to 2; got 3"),
    Bad("a top_p of 0", _with(top_p=0), 400, VALUE, "top_p", "greater than 0; got 0"),
    Bad("a max_tokens of 0", _with(max_tokens=0), 400, VALUE, "max_tokens", "greater than or equal to 1; got 0"),
    Bad(
        "a model that is not served", _with(model="gpt-5"), 404, "model_not_found", "model", "served: forii/bytes"
    ),
    Bad("plain text", b"Hi", 415, "unsupported_media_type", None, "application/json", "text/plain"),
    Bad("invalid UTF-8", b'{"model": "\xff"}', 400, "invalid_json", None, "valid JSON"),
    Bad("NaN", json.dumps(_with(temperature=float("nan"))).encode(), 400, "invalid_json", None, "valid JSON"),
    Bad("200,000 nested brackets", b"[" * 200_000 + b"]" * 200_000, 400, "invalid_json", None, "valid JSON"),
    Bad("200,000 open brackets", b'{"model":' + b"[" * 200_000, 400, "invalid_json", None, "valid JSON"),
    Bad("metadata with a number", _with(metadata={"k": 1}), 400, VALUE, "metadata.k", "string"),
    Bad(
        "an image part",
        _message(role="user", content=[{"type": "text", "text": "x"}, IMAGE]),
        *(400, "unsupported_content", "messages[1].content[1]", "'image_url'"),
    ),
    Bad("tool_choice without tools", _with(tool_choice="auto"), 400, VALUE, "tool_choice", "needs 'tools'"),
]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
OTHER = {"type": "function", "function": {"name": "other"}}


def _tool(**function: object) -> list[object]:
    return [TOOL, {"type": "function", "function": {"name": "g", **function}}]


def _choice(choice: object) -> dict[str, object]:
    return _with(tools=[TOOL], tool_choice=choice)


def _allow(*tools: object) -> dict[str, object]:
    return {"mode": "auto", "tools": list(tools)}


TOOLS = [
    Bad("two tools of one name", _with(tools=_tool(name="f")), 400, VALUE, "tools[1].function.name", "earlier"),
    Bad("a name with a space", _with(tools=_tool(name="a b")), 400, VALUE, "tools[1].function.name", "pattern"),
    Bad(
        "a name of 65 letters", _with(tools=_tool(name="x" * 65)), 400, VALUE, "tools[1].function.name", "pattern"
    ),
    Bad("no tools", _with(tools=[]), 400, VALUE, "tools", "at least 1"),
    Bad("129 tools", _with(tools=[TOOL] * 129), 400, VALUE, "tools", "at most 128"),
    Bad("a tool without a type", _with(tools=[{}]), 400, MISSING, "tools[0].type", "required"),
    Bad("a tool without a function", _with(tools=[{"type": "function"}]), 400, MISSING, "tools[0].function", ""),
    Bad("a tool of another kind", _with(tools=[{"type": "web"}]), 400, VALUE, "tools[0].type", "'function'"),
    Bad("a tool that is a number", _with(tools=[5]), 400, VALUE, "tools[0]", "JSON object; got 5"),
    Bad(
        "parameters as text",
        _with(tools=_tool(parameters="{}")),
        *(400, VALUE, "tools[1].function.parameters", "JSON object"),
    ),
    Bad("a choice without tools", _with(tool_choice="required"), 400, VALUE, "tool_choice", "needs 'tools'"),
    Bad(
        "parallel calls without tools", _with(parallel_tool_calls=True), 400, VALUE, "parallel_tool_calls", "needs"
    ),
    Bad("a choice that is none", _choice("any"), 400, VALUE, "tool_choice", "'required'"),
    Bad("a choice without a type", _choice({"name": "f"}), 400, MISSING, "tool_choice.type", "required"),
    Bad(
        "a choice of a kind", _choice({"type": "x", "function": {}}), 400, VALUE, "tool_choice.type", "'function'"
    ),
    Bad("a choice of no name", _choice({"type": "function"}), 400, MISSING, "tool_choice.name", "name one"),
    Bad(
        "a choice of a function without a name",
        _choice({"type": "function", "function": {}}),
        *(400, MISSING, "tool_choice.function.name", "required"),
    ),
    Bad("a choice of another", _choice(OTHER), 400, VALUE, "tool_choice.function.name", "names no tool"),
    Bad(
        "another by its name",
        _choice({"type": "function", "name": "g"}),
        400,
        VALUE,
        "tool_choice.name",
        "no tool",
    ),
    Bad(
        "an allowed tool that is not given",
        _choice({"type": "allowed_tools", "allowed_tools": _allow(TOOL, OTHER)}),
        *(400, VALUE, "tool_choice.allowed_tools.tools[1].function.name", "names no tool"),
    ),
    Bad(
        "an allowed tool that is not given, flat",
        _choice({"type": "allowed_tools", **_allow({"type": "function", "name": "g"})}),
        *(400, VALUE, "tool_choice.tools[0].name", "names no tool"),
    ),
    Bad(
        "nothing allowed",
        _choice({"type": "allowed_tools"}),
        400,
        MISSING,
        "tool_choice.allowed_tools",
        "required",
    ),
    Bad(
        "allowed tools without a mode",
        _choice({"type": "allowed_tools", "tools": [TOOL]}),
        *(400, MISSING, "tool_choice.mode", "required"),
    ),
    Bad(
        "allowed tools of no mode",
        _choice({"type": "allowed_tools", "allowed_tools": {"mode": "none", "tools": [TOOL]}}),
        *(400, VALUE, "tool_choice.allowed_tools.mode", "'required'"),
    ),
    Bad(
        "tools under both names",
        _with(tools=[TOOL], functions=[{"name": "f"}]),
        *(400, VALUE, "functions", "older name"),
    ),
    Bad(
        "a function call without any",
        _with(function_call="auto"),
        400,
        VALUE,
        "function_call",
        "needs 'functions'",
    ),
    Bad(
        "two functions of one name",
        _with(functions=[{"name": "f"}, {"name": "f"}]),
        *(400, VALUE, "functions[1].name", "earlier"),
    ),
    Bad(
        "a function call of another",
        _with(functions=[{"name": "f"}], function_call={"name": "g"}),
        *(400, VALUE, "function_call.name", "names no tool"),
    ),
    Bad(
        "a function call's arguments that are no JSON",
        _message(role="assistant", content=None, function_call={"name": "f", "arguments": "{"}),
        *(400, VALUE, "messages[1].function_call.arguments", "JSON object"),
    ),
    Bad("tools of a model without calls", _with(tools=[TOOL]), 400, UNSUPPORTED, "tools", "cannot call functions"),
    Bad(
        "functions of a model without calls",
        _with(functions=[{"name": "f"}]),
        *(400, UNSUPPORTED, "functions", "cannot call functions"),
    ),
]
MORE = [
    Bad("no body", b"", 400, "invalid_json", None, "JSON object"),
    Bad("a list", b"[]", 400, "invalid_json", None, "JSON object"),
    Bad("a lone surrogate", b'{"model": "\\ud800"}', 400, "invalid_json", None, "valid JSON"),
    Bad("a duplicate comma", b'{"model": "x",,}', 400, "invalid_json", None, "valid JSON"),
    Bad("no model", {"messages": _BASE["messages"]}, 400, MISSING, "model", "required"),
    Bad("no messages", {"model": "forii/bytes"}, 400, MISSING, "messages", "required"),
    Bad("a model of null", _with(model=None), 400, MISSING, "model", "required"),
    Bad("a number as model", _with(model=5), 400, VALUE, "model", "string"),
    Bad("messages that are no list", _with(messages="Hi"), 400, VALUE, "messages", "list"),
    Bad("a message without a role", _message(content="x"), 400, MISSING, "messages[1].role", "required"),
    Bad("a message that is a string", _with(messages=["Hi"]), 400, VALUE, "messages[0]", "JSON object"),
    Bad("a message without content", _message(role="user"), 400, MISSING, "messages[1].content", "required"),
    Bad("content of no parts", _message(role="user", content=[]), 400, VALUE, "messages[1].content", "at least 1"),
    Bad("a number as content", _message(role="user", content=5), 400, VALUE, "messages[1].content", "string"),
    Bad(
        "a part without text",
        _message(role="user", content=[{"type": "text"}]),
        *(400, MISSING, "messages[1].content[0].text", "required"),
    ),
    Bad(
        "a part without a type",
        _message(role="user", content=[{}]),
        *(400, MISSING, "messages[1].content[0].type", "required"),
    ),
    Bad(
        "a tool message that answers nothing",
        _message(role="tool", content="x", tool_call_id="c9"),
        *(400, VALUE, "messages[1].tool_call_id", "earlier assistant message"),
    ),
    Bad(
        "a tool message without its id",
        _message(role="tool", content="x"),
        400,
        MISSING,
        "messages[1].tool_call_id",
        "",
    ),
    Bad(
        "arguments that are no JSON",
        _message(role="assistant", tool_calls=[{**CALL, "function": {"name": "f", "arguments": "{"}}]),
        *(400, VALUE, "messages[1].tool_calls[0].function.arguments", "JSON object"),
    ),
    Bad(
        "arguments with a lone surrogate",
        _message(
            role="assistant", tool_calls=[{**CALL, "function": {"name": "f", "arguments": '{"a":"\\ud800"}'}}]
        ),
        *(400, VALUE, "messages[1].tool_calls[0].function.arguments", "JSON object"),
    ),
    Bad(
        "arguments that are a list",
        _message(role="assistant", tool_calls=[{**CALL, "function": {"name": "f", "arguments": "[]"}}]),
        *(400, VALUE, "messages[1].tool_calls[0].function.arguments", "JSON object"),
    ),
    Bad(
        "a function message without a name",
        _message(role="function", content="x"),
        400,
        MISSING,
        "messages[1].name",
        "",
    ),
    Bad("a negative temperature", _with(temperature=-0.1), 400, VALUE, "temperature", "got -0.1"),
    Bad("a string as temperature", _with(temperature="1"), 400, VALUE, "temperature", "number"),
    Bad("a boolean as temperature", _with(temperature=True), 400, VALUE, "temperature", "number"),
    Bad("a top_p above 1", _with(top_p=1.01), 400, VALUE, "top_p", "got 1.01"),
    Bad("a negative top_k", _with(top_k=-1), 400, VALUE, "top_k", "got -1"),
    Bad("a fraction as top_k", _with(top_k=1.5), 400, VALUE, "top_k", "integer"),
    Bad("a fraction as max_tokens", _with(max_tokens=10.5), 400, VALUE, "max_tokens", "integer"),
    Bad(
        "max_completion_tokens of 0", _with(max_completion_tokens=0), 400, VALUE, "max_completion_tokens", "got 0"
    ),
    Bad(
        "two limits that differ",
        _with(max_tokens=5, max_completion_tokens=6),
        *(400, VALUE, "max_completion_tokens", "same limit"),
    ),
    Bad("a stop that is a number", _with(stop=5), 400, VALUE, "stop", "list"),
    Bad("no stop strings", _with(stop=[]), 400, VALUE, "stop", "at least 1"),
    Bad("a stop string far too long", _with(stop="x" * 2000), 400, VALUE, "stop", "at most"),
    Bad("n above the deployment's limit", _with(n=9), 400, VALUE, "n", "at most 8"),
    Bad("a frequency_penalty of 3", _with(frequency_penalty=3), 400, VALUE, "frequency_penalty", "got 3"),
    Bad("a presence_penalty of -3", _with(presence_penalty=-3), 400, VALUE, "presence_penalty", "got -3"),
    Bad("a repetition_penalty of 0", _with(repetition_penalty=0), 400, VALUE, "repetition_penalty", "got 0"),
    Bad("a seed of 64 bits and one", _with(seed=2**63), 400, VALUE, "seed", ""),
    Bad("a seed of 80 bits", _with(seed=2**80), 400, VALUE, "seed", ""),
    Bad("logprobs as a number", _with(logprobs=1), 400, VALUE, "logprobs", "boolean"),
    Bad("top_logprobs without logprobs", _with(top_logprobs=2), 400, VALUE, "top_logprobs", "needs 'logprobs'"),
    Bad("top_logprobs of 6", _with(logprobs=True, top_logprobs=6), 400, VALUE, "top_logprobs", "got 6"),
    Bad("top_logprobs of -1", _with(logprobs=True, top_logprobs=-1), 400, VALUE, "top_logprobs", "got -1"),
    Bad("a logit_bias of 101", _with(logit_bias={"5": 101}), 400, VALUE, "logit_bias.5", "got 101"),
    Bad("a logit_bias of -101", _with(logit_bias={"5": 1, "6": -101}), 400, VALUE, "logit_bias.6", "got -101"),
    Bad("a word as a logit_bias", _with(logit_bias={"5": "much"}), 400, VALUE, "logit_bias.5", "number"),
    Bad("a logit_bias for a word", _with(logit_bias={"hello": 5}), 400, VALUE, "logit_bias", "token ids"),
    Bad("a logit_bias for an id with zeros", _with(logit_bias={"05": 5}), 400, VALUE, "logit_bias", "token ids"),
    Bad(
        "a logit_bias past the vocabulary", _with(logit_bias={"260": 5}), 400, VALUE, "logit_bias.260", "0 to 259"
    ),
    Bad("a logit_bias below it", _with(logit_bias={"-1": 5}), 400, VALUE, "logit_bias.-1", "0 to 259"),
    Bad("a logit_bias that is a list", _with(logit_bias=[5]), 400, VALUE, "logit_bias", "JSON object"),
    Bad("stream as a string", _with(stream="yes"), 400, VALUE, "stream", "boolean"),
    Bad(
        "include_usage as a string",
        _with(stream=True, stream_options={"include_usage": "yes"}),
        *(400, VALUE, "stream_options.include_usage", "boolean"),
    ),
    Bad("user as a number", _with(user=5), 400, VALUE, "user", "string"),
    Bad(
        "17 pairs of metadata",
        _with(metadata={str(i): "" for i in range(17)}),
        400,
        VALUE,
        "metadata",
        "at most 16",
    ),
    Bad("a long value in metadata", _with(metadata={"k": "v" * 513}), 400, VALUE, "metadata.k", "at most 512"),
    Bad("metadata that is a list", _with(metadata=[]), 400, VALUE, "metadata", "JSON object"),
    Bad(
        "a reasoning_effort that is none",
        _with(reasoning_effort="extreme"),
        400,
        VALUE,
        "reasoning_effort",
        "medium",
    ),
    Bad(
        "an unknown response_format",
        _with(response_format={"type": "xml"}),
        400,
        VALUE,
        "response_format.type",
        "json",
    ),
    Bad(
        "a response_format without a type",
        _with(response_format={}),
        400,
        MISSING,
        "response_format.type",
        "required",
    ),
]
_UNSUPPORTED: list[tuple[str, dict[str, object]]] = [
    ("tools[1].type", {"tools": [TOOL, {"type": "custom", "custom": {"name": "f"}}]}),
    ("tool_choice.type", {"tools": [TOOL], "tool_choice": {"type": "custom", "custom": {"name": "f"}}}),
    ("audio", {"audio": {"voice": "x"}}),
    ("modalities", {"modalities": ["text", "audio"]}),
    ("web_search_options", {"web_search_options": {}}),
]
NOT_SERVED = [
    Bad(f"{param} is not served", _with(**fields), 400, UNSUPPORTED, param, "support")
    for param, fields in _UNSUPPORTED
]


@pytest.mark.parametrize("bad", [*BY_NAME, *TOOLS, *MORE, *NOT_SERVED], ids=lambda bad: bad.name)
async def test_it_is_refused_streamed_or_not_with_the_field_and_the_fix(bad: Bad, serve: Serve) -> None:
    client, engine = serve()
    for stream in (False, True):
        body = bad.body if isinstance(bad.body, bytes) else json.dumps({"stream": stream, **bad.body}).encode()
        response = await client.post(chat.URL, content=body, headers={"content-type": bad.media_type})
        error = chat.error(response)
        assert (response.status_code, error["code"], error["param"]) == (bad.status, bad.code, bad.param)
        assert error["type"] == "invalid_request_error"
        assert bad.says in str(error["message"])
        assert len(str(error["message"])) < 500
    assert engine.asked == []


async def test_a_body_of_20_mib_is_refused(serve: Serve) -> None:
    client, engine = serve()
    response = await client.post(chat.URL, json=chat.body("x" * (20 * 2**20)))
    error = chat.error(response)
    assert (response.status_code, error["code"], error["param"]) == (413, "request_too_large", None)
    assert str(10 * 2**20) in str(error["message"])
    assert engine.asked == []


async def test_a_refusal_never_repeats_what_the_client_wrote(serve: Serve) -> None:
    client, _ = serve()
    written: list[dict[str, object]] = [
        {"stop": "sesame" * 400},
        {"temperature": "sesame"},
        {"metadata": {"k": "sesame" * 100}},
        {"logit_bias": {"sesame": 1}},
    ]
    for fields in written:
        response = await client.post(chat.URL, json=chat.body("sesame", **fields))
        assert response.status_code == 400
        assert "sesame" not in response.text
