from __future__ import annotations

import json

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.proxy import chat
from tests.proxy.scripts import says
from tests.proxy.served import Serve

OPTIONS: list[dict[str, object]] = [
    {},
    {"stop": ["EN", "ENDE"]},
    {"logprobs": True},
    {"n": 3, "logprobs": True, "stop": "END"},
    {"max_tokens": 5},
]


def accumulated(text: str) -> ChatCompletion:
    """What openai-python collects from the stream."""
    state = ChatCompletionStreamState()
    for event in chat.events(text):
        state.handle_chunk(ChatCompletionChunk.model_validate(event))
    return state.current_completion_snapshot


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options) or "plain")
@pytest.mark.parametrize("finish", ["stop", "length"])
async def test_the_sdk_collects_the_unstreamed_answer(
    options: dict[str, object], finish: str, serve: Serve
) -> None:
    texts = ("नमस्ते END of it", "👍🏽", "the EN")
    whole, _ = serve(says(*texts, finish="stop" if finish == "stop" else "length"))
    streamed, _ = serve(says(*texts, finish="stop" if finish == "stop" else "length"))
    body = (await whole.post(chat.URL, json=chat.body(**options))).json()
    stream = await streamed.post(chat.URL, json=chat.body(stream=True, **options))
    snapshot = accumulated(stream.text)
    assert snapshot.usage is not None
    assert snapshot.usage.model_dump(exclude_none=True) == body["usage"]
    for theirs, ours in zip(snapshot.choices, body["choices"], strict=True):
        assert theirs.index == ours["index"]
        assert theirs.message.content == ours["message"]["content"]
        assert theirs.finish_reason == ours["finish_reason"]
        their_probs = theirs.logprobs.model_dump()["content"] if theirs.logprobs else None
        assert (their_probs or []) == ((ours["logprobs"] or {}).get("content") or [])


async def test_the_headers_that_are_known_come_with_a_stream(serve: Serve) -> None:
    client, _ = serve(says("abc"))
    response = await client.post(chat.URL, json=chat.body(stream=True, model="bytes"))
    headers = response.headers
    assert response.status_code == 200
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-forii-model"] == "forii/bytes"
    assert int(headers["x-forii-prompt-tokens"]) > 0
    assert headers["x-forii-truncated-tokens"] == "0"
    assert int(headers["x-forii-ttft-ms"]) >= 0
    assert "x-forii-completion-tokens" not in headers


async def test_a_stream_is_role_text_finish_and_done(serve: Serve) -> None:
    client, _ = serve(says("hé"))
    events = chat.events((await client.post(chat.URL, json=chat.body(stream=True))).text)
    choices = [event["choices"] for event in events]
    deltas = [{"role": "assistant", "content": ""}, {"content": "h"}, {"content": "é"}, {}]
    finishes = [None, None, None, "stop"]
    assert choices == [
        [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        for delta, finish in zip(deltas, finishes, strict=True)
    ]
    assert len({(event["id"], event["created"]) for event in events}) == 1


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ({}, "inline"),
        ({"stream_options": {}}, "inline"),
        ({"stream_options": {"include_usage": None}}, "inline"),
        ({"stream_options": {"include_usage": True}}, "separate"),
        ({"stream_options": {"include_usage": False}}, "none"),
    ],
)
async def test_usage_travels_as_asked(options: dict[str, object], mode: str, serve: Serve) -> None:
    client, _ = serve(says("a", "bcd"))
    response = await client.post(chat.URL, json=chat.body(stream=True, n=2, **options))
    *others, last = chat.events(response.text)
    assert "x-forii-ignored-params" not in response.headers
    if mode == "none":
        assert all("usage" not in event for event in (*others, last))
        return
    usage = last["usage"]
    assert isinstance(usage, dict)
    assert usage["completion_tokens"] == 4
    if mode == "inline":
        assert last["choices"]
        assert all("usage" not in event for event in others)
    else:
        assert last["choices"] == []
        assert all(event["usage"] is None for event in others)


async def test_samples_are_interleaved_and_each_is_whole(serve: Serve) -> None:
    texts = ("aaaaaaaa", "bbbbbbbb", "cccccccc")
    client, _ = serve(says(*texts, pause=0.002))
    events = chat.events((await client.post(chat.URL, json=chat.body(stream=True, n=3))).text)
    assert chat.contents(events) == dict(enumerate(texts))
    order = [choice["index"] for event in events for choice in json.loads(json.dumps(event["choices"]))]
    assert order[:3] == [0, 1, 2]
    assert order != sorted(order)
    assert sum("usage" in event for event in events) == 1


async def test_a_stop_string_is_never_shown_not_even_partly(serve: Serve) -> None:
    client, engine = serve(says("before<stop>after"))
    events = chat.events((await client.post(chat.URL, json=chat.body(stream=True, stop="<stop>"))).text)
    assert chat.contents(events) == {0: "before"}
    assert "<" not in json.dumps(events)
    assert engine.cancelled == 1
