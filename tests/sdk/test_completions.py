"""``client.completions``: text without a template, on the real model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import openai
import pytest
from openai import OpenAI, Stream
from openai.types import Completion

from tests.sdk.engine_gauge import EngineGauge
from tests.sdk.forii_server import MODEL

PROMPT = "The capital of France is"


def complete(client: OpenAI, **options: object) -> Completion:
    create: Callable[..., Completion] = client.completions.create
    return create(**{"model": MODEL, "prompt": PROMPT, "temperature": 0, **options})


def stream(client: OpenAI, **options: object) -> Stream[Completion]:
    create: Callable[..., Stream[Completion]] = client.completions.create
    return create(**{"model": MODEL, "prompt": PROMPT, "temperature": 0, **options, "stream": True})


def test_it_goes_on_with_the_text(client: OpenAI) -> None:
    answer = complete(client)
    assert answer.id.startswith("cmpl-forii-")
    assert (answer.object, answer.model) == ("text_completion", MODEL)
    (choice,) = answer.choices
    assert "Paris" in choice.text
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 16)
    assert choice.finish_reason == "length"


OPTIONS: dict[str, Mapping[str, object]] = {
    "greedy": {},
    "sampled": {"temperature": 1, "seed": 3},
    "three samples": {"temperature": 1, "seed": 3, "n": 3},
    "stop": {"stop": [".", "zz"]},
    "log-probs": {"logprobs": 0},
    "top log-probs": {"logprobs": 3, "temperature": 0},
    "echo": {"echo": True, "logprobs": 0},
    "ids": {"prompt": [504, 3575, 282, 4649, 314], "echo": True},
}


@pytest.mark.parametrize("name", list(OPTIONS))
def test_the_stream_adds_up_to_the_whole(client: OpenAI, name: str) -> None:
    whole = complete(client, **OPTIONS[name])
    parts = [part for chunk in stream(client, **OPTIONS[name]) for part in chunk.choices]
    for choice in whole.choices:
        own = [part for part in parts if part.index == choice.index]
        assert "".join(part.text for part in own) == choice.text
        assert own[-1].finish_reason == choice.finish_reason
        tokens = [token for part in own if part.logprobs for token in part.logprobs.tokens or ()]
        assert tokens == ((choice.logprobs.tokens or []) if choice.logprobs else [])


def test_each_token_is_the_best_of_its_top_when_greedy(client: OpenAI) -> None:
    listed = complete(client, logprobs=3, temperature=0).choices[0].logprobs
    assert listed is not None
    assert listed.tokens
    assert listed.token_logprobs
    assert listed.top_logprobs
    for token, value, top in zip(listed.tokens, listed.token_logprobs, listed.top_logprobs, strict=True):
        assert len(top) == 3
        assert max(top.values()) == top[token] == value


def test_log_probs_lie_where_their_tokens_do(client: OpenAI) -> None:
    answer = complete(client, logprobs=0, echo=True)
    (choice,) = answer.choices
    listed = choice.logprobs
    assert listed is not None
    assert listed.tokens is not None
    assert listed.text_offset is not None
    assert listed.token_logprobs is not None
    for token, offset in zip(listed.tokens, listed.text_offset, strict=True):
        assert choice.text[offset : offset + len(token)] == token
    assert "".join(listed.tokens[:5]) == PROMPT
    assert listed.token_logprobs[:5] == [None] * 5
    assert all(value <= 0 for value in listed.token_logprobs[5:])


def test_ids_are_the_text_that_they_are(client: OpenAI) -> None:
    ids = [504, 3575, 282, 4649, 314]
    answer = complete(client, prompt=ids, echo=True)
    assert answer.choices[0].text == complete(client, echo=True).choices[0].text


def test_a_long_text_loses_its_beginning(client: OpenAI) -> None:
    raw = client.completions.with_raw_response.create(
        model=MODEL, prompt="blah " * 12_000 + PROMPT, temperature=0, max_tokens=4
    )
    assert int(raw.headers["x-forii-truncated-tokens"]) > 0
    assert raw.parse().usage is not None


def test_breaking_out_of_a_stream_frees_the_engine(client: OpenAI, engine: EngineGauge) -> None:
    chunks = stream(client, max_tokens=1500, frequency_penalty=-2.0)
    next(iter(chunks))
    chunks.close()
    engine.wait_for(0, 2.0)


WRONG: dict[str, tuple[dict[str, object], str, str]] = {
    "a suffix": ({"suffix": "."}, "unsupported_parameter", "suffix"),
    "two prompts": ({"prompt": ["a", "b"]}, "unsupported_parameter", "prompt"),
    "prompts of ids": ({"prompt": [[1], [2]]}, "unsupported_parameter", "prompt"),
    "an id past the vocabulary": ({"prompt": [1, 49152]}, "invalid_value", "prompt[1]"),
    "six log-probs": ({"logprobs": 6}, "invalid_value", "logprobs"),
    "a prompt that does not fit": (
        {"prompt": "word " * 9000, "extra_body": {"context_length_exceeded_behavior": "error"}},
        "context_length_exceeded",
        "prompt",
    ),
}


@pytest.mark.parametrize("name", list(WRONG))
@pytest.mark.parametrize("send", [complete, stream], ids=["whole", "streamed"])
def test_a_wrong_request_names_its_field(client: OpenAI, send: Callable[..., object], name: str) -> None:
    options, code, field = WRONG[name]
    with pytest.raises(openai.BadRequestError) as caught:
        send(client, **options)
    assert (caught.value.code, caught.value.param) == (code, field)
