from __future__ import annotations

import json

import pytest

from proxy.errors import EngineFailed
from proxy.events import Content, Done, LogProb
from proxy.openai.chunk import Chunk, ChunkWriter, Head, Usage
from proxy.openai.sse import SseEncoder, UsageMode, error_event

HEAD = Head("chatcmpl-forii-0", 1, "forii/bytes", "fp_0123456789ab", log_probs=False)
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
