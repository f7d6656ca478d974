"""Prompts that are too long, and what the official client sees of what was cut."""

from __future__ import annotations

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from build_engines.recipe import Manifest
from tests.sdk.chat import text_of, user, whole
from tests.sdk.forii_server import MODEL, ForiiServer

ERROR = {"extra_body": {"context_length_exceeded_behavior": "error"}}
GREEDY = {"temperature": 0, "max_tokens": 8}


def talk(turns: int, words: int, last: str) -> list[ChatCompletionMessageParam]:
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": "You like lions."}]
    for number in range(turns):
        messages.append({"role": "user", "content": f"{number}: " + "roar " * words})
        messages.append({"role": "assistant", "content": f"{number}: " + "hush " * words})
    return [*messages, *user(last)]


def test_what_is_cut_is_what_was_oldest(client: OpenAI, manifest: Manifest) -> None:
    messages = talk(40, 150, "Say hello.")
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=messages, temperature=0, max_tokens=8
    )
    cut, prompt = (int(raw.headers[f"x-forii-{name}-tokens"]) for name in ("truncated", "prompt"))
    assert cut > 0
    # The rest fits, and one message more would not have.
    assert manifest.context - 8 - 160 < prompt <= manifest.context - 8
    answer = raw.parse()
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == prompt
    # The same answer as to the rest alone.
    for kept in range(2, len(messages)):
        rest = [messages[0], *messages[-kept:]]
        again = client.chat.completions.with_raw_response.create(
            model=MODEL, messages=rest, temperature=0, max_tokens=8, extra_body=ERROR["extra_body"]
        ) if kept * 152 > prompt - 600 else None  # fmt: skip
        if again is not None and int(again.headers["x-forii-prompt-tokens"]) == prompt:
            assert text_of(again.parse()) == text_of(answer)
            return
    raise AssertionError("no number of messages makes this prompt")


@pytest.mark.parametrize("stream", [False, True])
def test_error_refuses_the_same_messages(client: OpenAI, stream: bool, manifest: Manifest) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        whole(client, messages=talk(40, 150, "Say hello."), stream=stream, **ERROR)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    assert str(manifest.context) in caught.value.message


def test_a_single_message_is_cut_from_its_beginning(client: OpenAI, manifest: Manifest) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=user("blah " * 12_000 + "Say hello."), temperature=0, max_tokens=8
    )
    # One character more would have been one token too many.
    assert int(raw.headers["x-forii-prompt-tokens"]) == manifest.context - 8
    assert int(raw.headers["x-forii-truncated-tokens"]) > 12_000 - manifest.context


def test_max_tokens_of_a_million_is_what_the_context_leaves(server: ForiiServer, manifest: Manifest) -> None:
    body = {
        "model": MODEL,
        "messages": user("blah " * (manifest.context - 320)),
        "max_tokens": 10**6,
        "frequency_penalty": -2.0,
        "temperature": 0.0,
    }
    answer = httpx2.post(f"{server.base_url}/chat/completions", json=body, timeout=120).json()
    assert answer["choices"][0]["finish_reason"] in ("stop", "length")
    assert answer["usage"]["total_tokens"] <= manifest.context
