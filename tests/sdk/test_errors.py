"""Wrong requests: the class that the official client raises, the error's code and field, and nothing generated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx2
import openai
import pytest
from openai import OpenAI

from tests.sdk.chat import streamed, user, whole
from tests.sdk.forii_server import MODEL, ForiiServer

Send = Callable[..., object]

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}

# What is wrong -> the options, and the code and field that the 400 names.
WRONG: dict[str, tuple[dict[str, object], str, str]] = {
    "no message": ({"messages": []}, "invalid_value", "messages"),
    "a role that is none": (
        {"messages": [{"role": "wizard", "content": "x"}]},
        "invalid_value",
        "messages[0].role",
    ),
    "null content": ({"messages": [{"role": "user", "content": None}]}, "invalid_value", "messages[0].content"),
    "five stop strings": ({"stop": list("abcde")}, "invalid_value", "stop"),
    "an empty stop string": ({"stop": ["a", ""]}, "invalid_value", "stop[1]"),
    "n of 0": ({"n": 0}, "invalid_value", "n"),
    "n above the limit": ({"n": 9}, "invalid_value", "n"),
    "temperature 3": ({"temperature": 3}, "invalid_value", "temperature"),
    "top_p 0": ({"top_p": 0}, "invalid_value", "top_p"),
    "max_tokens 0": ({"max_tokens": 0}, "invalid_value", "max_tokens"),
    "two limits": ({"max_tokens": 1, "max_completion_tokens": 2}, "invalid_value", "max_completion_tokens"),
    "a number in metadata": ({"metadata": {"a": 1}}, "invalid_value", "metadata.a"),
    "an image": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, IMAGE]}]},
        "unsupported_content",
        "messages[0].content[1]",
    ),
    "tool_choice without tools": ({"tool_choice": "auto"}, "invalid_value", "tool_choice"),
    "a JSON answer in a schema that is none": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "text"}}}},
        "invalid_json_schema",
        "response_format.json_schema.schema",
    ),
    "a JSON answer with a bias": (
        {"response_format": {"type": "json_object"}, "logit_bias": {"5": 1}},
        "unsupported_parameter",
        "logit_bias",
    ),
    "top_logprobs of 6": ({"logprobs": True, "top_logprobs": 6}, "invalid_value", "top_logprobs"),
    "top_logprobs without logprobs": ({"top_logprobs": 2}, "invalid_value", "top_logprobs"),
    "a logit_bias past the vocabulary": ({"logit_bias": {"49152": 5}}, "invalid_value", "logit_bias.49152"),
    "a logit_bias of 101": ({"logit_bias": {"5": 101}}, "invalid_value", "logit_bias.5"),
    "a word as a logit_bias": ({"logit_bias": {"5": "much"}}, "invalid_value", "logit_bias.5"),
    "a logit_bias for a word": ({"logit_bias": {"hello": 5}}, "invalid_value", "logit_bias"),
    "a prompt that does not fit": (
        {"messages": user("word " * 9000), "extra_body": {"context_length_exceeded_behavior": "error"}},
        "context_length_exceeded",
        "messages",
    ),
    "system messages that do not fit": (
        {"messages": [{"role": "system", "content": "word " * 9000}, *user("Hi")]},
        "context_length_exceeded",
        "messages",
    ),
}

BODIES: dict[str, tuple[bytes, str, int, str]] = {
    "a 20 MiB body": (b'"' + b"x" * (20 * 2**20) + b'"', "application/json", 413, "request_too_large"),
    "text/plain": (b'{"model": "m"}', "text/plain", 415, "unsupported_media_type"),
    "invalid UTF-8": (b'{"model": "\xff"}', "application/json", 400, "invalid_json"),
    "NaN": (b'{"model": "m", "temperature": NaN}', "application/json", 400, "invalid_json"),
    "200,000 brackets": (b"[" * 200_000, "application/json", 400, "invalid_json"),
    "an empty body": (b"", "application/json", 400, "invalid_json"),
}


@pytest.fixture(autouse=True)
def _nothing_is_generated(server: ForiiServer) -> Iterator[None]:
    """Triton counts every request that reaches an engine."""

    def count() -> list[str]:
        return re.findall(r"(?m)^nv_inference_count\{.*$", httpx2.get(server.engine_metrics_url).text)

    before = count()
    assert before
    yield
    assert count() == before


@pytest.mark.parametrize("name", list(WRONG))
@pytest.mark.parametrize("send", [whole, streamed], ids=["whole", "streamed"])
def test_a_wrong_request_names_its_field(client: OpenAI, send: Send, name: str) -> None:
    options, code, field = WRONG[name]
    with pytest.raises(openai.BadRequestError) as caught:
        send(client, **options)
    assert (caught.value.status_code, caught.value.type) == (400, "invalid_request_error")
    assert (caught.value.code, caught.value.param) == (code, field)


@pytest.mark.parametrize("send", [whole, streamed], ids=["whole", "streamed"])
def test_a_model_that_is_not_served(client: OpenAI, send: Send) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        send(client, model="forii/none")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert MODEL in str(caught.value)


def test_a_model_that_is_not_there_to_describe(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("forii/none")
    assert caught.value.code == "model_not_found"


def test_a_path_that_is_not_there(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.embeddings.create(model=MODEL, input="x")
    assert caught.value.code == "not_found"


def test_a_method_that_is_not_taken(server: ForiiServer) -> None:
    answer = httpx2.get(f"{server.base_url}/chat/completions")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("name", list(BODIES))
def test_a_body_that_is_no_request(server: ForiiServer, name: str) -> None:
    body, media_type, status, code = BODIES[name]
    answer = httpx2.post(
        f"{server.base_url}/chat/completions", content=body, headers={"Content-Type": media_type}, timeout=10
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert set(error) == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"]
