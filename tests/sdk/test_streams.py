"""Every stream, put together by the client's own accumulator, is the whole answer to the same request."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from openai import OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionTokenLogprob
from openai.types.chat.chat_completion import Choice

from tests.sdk.chat import content_of, streamed, user, whole

REQUESTS: dict[str, dict[str, object]] = {
    "greedy": {"temperature": 0, "max_tokens": 24},
    "ends by itself": {"messages": user("Say hello."), "temperature": 0, "max_tokens": 64},
    "sampled": {"seed": 1, "max_tokens": 24},
    "hot": {"seed": 2, "temperature": 2, "max_tokens": 24},
    "nucleus and top k": {"seed": 3, "top_p": 0.8, "max_tokens": 24, "extra_body": {"top_k": 20}},
    "three samples": {"seed": 4, "n": 3, "max_tokens": 12},
    "three samples, one stopped early": {"seed": 5, "n": 3, "stop": [" the", ","], "max_tokens": 16},
    "stop": {"temperature": 0, "stop": ["on", "zz"], "max_tokens": 24},
    "one sample held back while the next begins": {"seed": 7, "n": 2, "stop": "I've X", "max_tokens": 12},
    "log-probs": {"seed": 6, "logprobs": True, "max_tokens": 16},
    "log-probs, stop and samples": {"seed": 7, "logprobs": True, "stop": "e", "n": 2, "max_tokens": 16},
    "one token": {"temperature": 0, "max_tokens": 1},
    "penalties": {"seed": 8, "frequency_penalty": 1, "presence_penalty": -0.5, "max_tokens": 24},
    "repetition penalty": {"temperature": 0, "max_tokens": 24, "extra_body": {"repetition_penalty": 1.4}},
    "hindi": {"messages": user("हिन्दी में नमस्ते कहो।"), "temperature": 0, "max_tokens": 17, "logprobs": True},
    "emoji": {"messages": user("Repeat: 😀👩‍👩‍👧‍👦🇮🇳"), "temperature": 0, "max_tokens": 19},
}


def accumulated(chunks: Iterable[ChatCompletionChunk]) -> ChatCompletion:
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(chunk)
    return state.current_completion_snapshot


def comparable(answer: ChatCompletion) -> dict[str, object]:
    """All that two answers to the same request have in common. The values of log-probs depend in the sixth digit
    on what else is in the engine's batch."""
    choices = [
        {
            "index": choice.index,
            "role": choice.message.role,
            "content": choice.message.content,
            "finish_reason": choice.finish_reason,
            "tokens": [(entry.token, entry.bytes) for entry in log_probs(choice)],
        }
        for choice in answer.choices
    ]
    assert answer.usage is not None
    usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens)
    return {"choices": choices, "usage": usage, "fingerprint": answer.system_fingerprint}


def log_probs(choice: Choice) -> list[ChatCompletionTokenLogprob]:
    return (choice.logprobs.content or []) if choice.logprobs else []


@pytest.mark.parametrize("name", list(REQUESTS))
def test_a_stream_adds_up_to_the_whole_answer(client: OpenAI, name: str) -> None:
    folded = accumulated(streamed(client, **REQUESTS[name]))
    answer = whole(client, **REQUESTS[name])
    assert comparable(folded) == comparable(answer)
    values = [entry.logprob for choice in answer.choices for entry in log_probs(choice)]
    shown = [entry.logprob for choice in folded.choices for entry in log_probs(choice)]
    assert shown == pytest.approx(values, abs=1e-3)
    assert "\ufffd" not in "".join(choice.message.content or "" for choice in folded.choices)


@pytest.mark.parametrize("name", list(REQUESTS))
def test_a_stream_begins_and_ends_each_choice_once(client: OpenAI, name: str) -> None:
    """The role first, then text, then the finish reason; the usage beside the last one of all."""
    options = REQUESTS[name]
    chunks = list(streamed(client, **options))
    assert {len(chunk.choices) for chunk in chunks} == {1}
    assert len({(chunk.id, chunk.created, chunk.model, chunk.system_fingerprint) for chunk in chunks}) == 1
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    samples = options.get("n", 1)
    for index in range(int(str(samples))):
        first, *middle, last = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == index]
        assert first.delta.model_dump(exclude_unset=True) == {"role": "assistant", "content": ""}
        assert all(choice.delta.role is None and choice.finish_reason is None for choice in middle)
        assert last.delta.model_dump(exclude_unset=True) == {}
        assert last.finish_reason in ("stop", "length")


def test_the_stream_helper_gives_the_final_completion(client: OpenAI, model: str) -> None:
    messages = user("Say hello.")
    with client.chat.completions.stream(model=model, messages=messages, temperature=0, max_tokens=64) as stream:
        final = stream.get_final_completion()
    assert comparable(final) == comparable(whole(client, messages=messages, temperature=0, max_tokens=64))
    assert final.choices[0].finish_reason == "stop"


def test_tokens_come_as_they_are_made(client: OpenAI) -> None:
    """Not in one piece at the end: the first words are there long before the last."""
    moments = [time.monotonic() for chunk in streamed(client, temperature=0, max_tokens=48) if content_of(chunk)]
    assert len(moments) >= 24
    assert moments[-1] - moments[0] > 10 * (moments[1] - moments[0])


def test_usage_rides_in_the_last_chunk(client: OpenAI) -> None:
    *chunks, last = streamed(client, max_tokens=4)
    assert all(chunk.usage is None for chunk in chunks)
    assert last.usage is not None
    assert last.usage.completion_tokens == 4
    assert last.choices[0].finish_reason == "length"


def test_usage_comes_apart_when_it_is_asked_for(client: OpenAI) -> None:
    *chunks, last = streamed(client, max_tokens=4, n=2, stream_options={"include_usage": True})
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 8


def test_usage_does_not_come_when_it_is_declined(client: OpenAI) -> None:
    chunks = list(streamed(client, max_tokens=4, stream_options={"include_usage": False}))
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "length"
