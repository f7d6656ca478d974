"""Short words for what the tests send and read."""

from __future__ import annotations

from collections.abc import Callable

from openai import OpenAI, Stream
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam

from tests.sdk.forii_server import MODEL

STORY = "Tell me a story about a lion."
# With it the model says the same over and over: an answer that ends only where its room does.
ENDLESS = {"frequency_penalty": -2.0, "temperature": 0.0, "max_tokens": 1500}


def user(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


def text_of(answer: ChatCompletion, index: int = 0) -> str:
    text = answer.choices[index].message.content
    assert text is not None
    return text


def token_texts(answer: ChatCompletion) -> list[str]:
    """The tokens of an answer that was asked for with its log-probs."""
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    return [entry.token for entry in logprobs.content or ()]


def whole(client: OpenAI, **options: object) -> ChatCompletion:
    """``chat.completions.create`` for options that are put together at run time; asks for STORY if not told."""
    create: Callable[..., ChatCompletion] = client.chat.completions.create
    return create(**{"model": MODEL, "messages": user(STORY), **options})


def streamed(client: OpenAI, **options: object) -> Stream[ChatCompletionChunk]:
    """As ``whole``, streamed."""
    create: Callable[..., Stream[ChatCompletionChunk]] = client.chat.completions.create
    return create(**{"model": MODEL, "messages": user(STORY), **options, "stream": True})


def content_of(chunk: ChatCompletionChunk) -> str:
    """The text that a chunk adds; an error event is no chunk."""
    return "".join(choice.delta.content or "" for choice in chunk.choices)
