"""A client that takes its time over each message never gets one out of turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from proxy.errors import EngineFailed
from proxy.openai.chat_shape import CHAT
from proxy.openai.chunk import Chunk, Head
from proxy.openai.sse import DONE, SseEncoder
from proxy.routes.headers import AnswerHeaders
from proxy.routes.stream import EventStream


async def playing(error: Exception | None) -> AsyncGenerator[list[Chunk], None]:
    """An answer that ends, or fails, just before silence would be broken."""
    await asyncio.sleep(0.09)
    if error is not None:
        raise error
    yield [Chunk(0, content="a")]


async def sent_to_slow_client(error: Exception | None) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        await asyncio.sleep(0.05)

    async def receive() -> Message:
        raise AssertionError("a stream reads nothing")

    stream = EventStream(
        AnswerHeaders(0.0),
        send,
        playing(error),
        SseEncoder(Head("id", 1, "m", "fp", log_probs=False, shape=CHAT), "none"),
        first_answer=0.1,
        keep_alive=0.02,
    )
    await stream.run({"type": "http"}, receive)
    await asyncio.sleep(0.1)
    return sent


@pytest.mark.parametrize("error", [None, EngineFailed("Send it again.")])
async def test_the_status_line_goes_out_once_and_nothing_follows_the_end(error: Exception | None) -> None:
    sent = await sent_to_slow_client(error)
    assert [message["type"] for message in sent].count("http.response.start") == 1
    assert sent[0]["status"] == (200 if error is None else 502)
    assert [message.get("more_body", False) for message in sent[1:]].index(False) == len(sent) - 2
    if error is None:
        assert sent[-1]["body"] == DONE
