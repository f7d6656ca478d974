"""Prompts that are too long, and what the official client sees of what was cut."""

from __future__ import annotations

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from build_engines.recipe import Manifest
from tests.sdk.chat import ENDLESS, text_of, user, whole
from tests.sdk.forii_server import MODEL, ForiiServer

ERROR = {"context_length_exceeded_behavior": "error"}


def talk(turns: int, words: int, last: str) -> list[ChatCompletionMessageParam]:
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": "You like lions."}]
    for number in range(turns):
        messages.append({"role": "user", "content": f"{number}: " + "roar " * words})
        messages.append({"role": "assistant", "content": f"{number}: " + "hush " * words})
    return [*messages, *user(last)]


def test_the_most_that_fits_is_kept(client: OpenAI) -> None:
    """The first rest of the conversation that is not refused is the one that was sent."""
    messages = talk(20, 150, "Say hello.")
    ask = client.chat.completions.with_raw_response.create
    cut = ask(model=MODEL, messages=messages, temperature=0, max_tokens=8)
    refused = []
    for start in range(1, len(messages)):
        rest = [messages[0], *messages[start:]]
        try:
            same = ask(model=MODEL, messages=rest, temperature=0, max_tokens=8, extra_body=ERROR)
        except openai.BadRequestError as error:
            refused.append(error.message)
            continue
        break
    assert refused
    whole = int(cut.headers["x-forii-truncated-tokens"]) + int(cut.headers["x-forii-prompt-tokens"])
    assert f"take {whole} " in refused[0]
    assert same.headers["x-forii-truncated-tokens"] == "0"
    assert same.headers["x-forii-prompt-tokens"] == cut.headers["x-forii-prompt-tokens"]
    assert text_of(same.parse()) == text_of(cut.parse())


@pytest.mark.parametrize("stream", [False, True])
def test_error_refuses_the_same_messages(client: OpenAI, stream: bool, manifest: Manifest) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        whole(client, messages=talk(40, 150, "Say hello."), stream=stream, extra_body=ERROR)
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
    """The prompt stays whole, and the answer goes on to the context's last token."""
    long = user("blah " * (manifest.context // 2 - 160))  # two tokens each
    body = {**ENDLESS, "model": MODEL, "messages": long, "max_tokens": 10**6}
    response = httpx2.post(f"{server.base_url}/chat/completions", json=body, timeout=120)
    answer = response.json()
    assert response.headers["x-forii-truncated-tokens"] == "0"
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["prompt_tokens"] >= manifest.context - 320
    assert answer["usage"]["total_tokens"] == manifest.context
