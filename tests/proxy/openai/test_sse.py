from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from proxy.errors import EngineFailed
from proxy.events import Content, Done, Event, LogProb, Reasoning, ToolArguments, ToolStart
from proxy.openai.chat_shape import CHAT, FUNCTION_CALL
from proxy.openai.chunk import CallDelta, Chunk, ChunkWriter, Head, Usage
from proxy.openai.sse import SseEncoder, UsageMode, error_event

HEAD = Head("chatcmpl-forii-0", 1, "forii/bytes", "fp_0123456789ab", log_probs=False, shape=CHAT)
USAGE = Usage(prompt=7, completion=5, cached=3)


def sent(mode: UsageMode, *chunks: Chunk) -> list[dict[str, object]]:
    encoder = SseEncoder(HEAD, mode)
    data = b"".join(encoder.encode(chunk) for chunk in chunks).decode()
    assert data.endswith("\n\n")
    return [json.loads(event.removeprefix("data: ")) for event in data.split("\n\n")[:-1]]


def answer() -> list[Chunk]:
    writer = ChunkWriter(1)
    return [*writer.write(0, Content('né "quoted"\n\u2028')), *writer.write(0, Done("stop"), USAGE)]


def test_the_first_chunk_names_the_role_and_has_empty_content() -> None:
    first, second, _ = sent("inline", *answer())
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    ]
    assert second["choices"] == [
        {"index": 0, "delta": {"content": 'né "quoted"\n\u2028'}, "logprobs": None, "finish_reason": None}
    ]


def test_all_choices_begin_in_order_with_the_first_text_of_any() -> None:
    writer = ChunkWriter(3)
    assert [chunk.index for chunk in writer.write(2, Content("a")) if chunk.role] == [0, 1, 2]
    assert writer.write(1, Content("b")) == [Chunk(1, content="b")]


def test_a_choice_that_begins_with_a_call_has_content_null_and_the_call_begins_with_its_name() -> None:
    writer = ChunkWriter(1, calls=True)
    events: list[Event] = [
        ToolStart(0, "f"),
        ToolArguments(0, '{"é'),
        ToolStart(1, "g"),
        ToolArguments(1, "{"),
        Done("tool_calls"),
    ]
    chunks = [chunk for event in events for chunk in writer.write(0, event)]
    ids = [chunk.call.id for chunk in chunks if chunk.call and chunk.call.id]
    assert all(re.fullmatch("call_forii_[0-9a-f]{24}", str(one)) for one in ids)
    assert len(set(ids)) == 2
    deltas = [
        {"role": "assistant", "content": None},
        {
            "tool_calls": [
                {"index": 0, "id": ids[0], "type": "function", "function": {"name": "f", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"é'}}]},
        {
            "tool_calls": [
                {"index": 1, "id": ids[1], "type": "function", "function": {"name": "g", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 1, "function": {"arguments": "{"}}]},
        {},
    ]
    assert [event["choices"] for event in sent("none", *chunks)] == [
        [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": "tool_calls" if delta == {} else None}]
        for delta in deltas
    ]


def test_a_thought_streams_as_reasoning_content() -> None:
    writer = ChunkWriter(1)
    chunks = [*writer.write(0, Reasoning('"hm"')), *writer.write(0, Content("a"))]
    deltas = [{"role": "assistant", "content": ""}, {"reasoning_content": '"hm"'}, {"content": "a"}]
    assert [event["choices"] for event in sent("none", *chunks)] == [
        [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}] for delta in deltas
    ]


def test_a_deprecated_call_has_neither_id_nor_place() -> None:
    writer, head = ChunkWriter(1, calls=True), replace(HEAD, shape=FUNCTION_CALL)
    events: list[Event] = [ToolStart(0, "f"), ToolArguments(0, "{}"), Done("tool_calls")]
    encoder = SseEncoder(head, "none")
    data = b"".join(encoder.encode(chunk) for event in events for chunk in writer.write(0, event)).decode()
    choices = [json.loads(event.removeprefix("data: "))["choices"][0] for event in data.split("\n\n")[:-1]]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": None},
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
        {},
    ]
    assert choices[-1]["finish_reason"] == "function_call"


def test_where_calls_may_come_a_choice_waits_for_those_before_it() -> None:
    writer = ChunkWriter(3, calls=True)
    assert writer.write(2, ToolStart(0, "f")) == []
    assert writer.write(1, Content("b")) == []
    first = writer.write(0, Reasoning("a"))
    assert [(chunk.index, chunk.role, chunk.content) for chunk in first if chunk.role] == [
        (0, True, None),
        (1, True, ""),
        (2, True, None),
    ]
    assert writer.write(2, ToolArguments(0, "{")) == [Chunk(2, call=CallDelta(0, "{"))]


def test_every_chunk_repeats_the_head() -> None:
    for event in sent("separate", *answer()):
        assert {name: event[name] for name in ("id", "object", "created", "model", "system_fingerprint")} == {
            "id": "chatcmpl-forii-0",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "forii/bytes",
            "system_fingerprint": "fp_0123456789ab",
        }


def test_usage_rides_with_the_last_finish_reason() -> None:
    *others, last = sent("inline", *answer())
    assert last["usage"] == USAGE.to_body()
    assert all("usage" not in event for event in others)


def test_usage_comes_apart_and_is_null_before() -> None:
    *others, last = sent("separate", *answer())
    assert (last["choices"], last["usage"]) == ([], USAGE.to_body())
    assert [event["usage"] for event in others] == [None] * 3


def test_usage_is_left_out() -> None:
    assert all("usage" not in event for event in sent("none", *answer()))


@pytest.mark.parametrize("mode", ["inline", "separate", "none"])
def test_log_probs_ride_with_their_text(mode: UsageMode) -> None:
    chunk = Chunk(1, content="é", log_probs=(LogProb("é", "é".encode(), -0.5),))
    (event,) = sent(mode, chunk)
    choices = event["choices"]
    assert isinstance(choices, list)
    assert choices[0]["logprobs"] == {
        "content": [{"token": "é", "bytes": [195, 169], "logprob": -0.5, "top_logprobs": []}],
        "refusal": None,
    }


def test_an_error_is_the_last_event_but_done() -> None:
    event, done, rest = error_event(EngineFailed("Send it again.")).decode().split("\n\n")
    assert json.loads(event.removeprefix("data: "))["error"]["code"] == "engine_error"
    assert (done, rest) == ("data: [DONE]", "")
