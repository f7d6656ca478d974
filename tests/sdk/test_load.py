"""Many at once, through the official asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.sdk.chat import ENDLESS, text_of, user


async def test_a_seed_gives_the_same_text_alone_and_under_load(async_client: AsyncOpenAI, model: str) -> None:
    async def ask(seed: int) -> str:
        answer = await async_client.chat.completions.create(
            model=model, messages=user("Write about the sea."), seed=seed, temperature=1, max_tokens=24
        )
        return text_of(answer)

    alone = [await ask(seed) for seed in (1, 2, 3)]
    assert len(set(alone)) == 3
    async with AsyncExitStack() as others:
        for number in range(8):
            await others.enter_async_context(await begin(async_client, model, f"Count to {number}."))
        assert [await ask(seed) for seed in (1, 2, 3)] == alone
        assert list(await asyncio.gather(ask(1), ask(2), ask(3))) == alone


async def begin(client: AsyncOpenAI, model: str, text: str) -> AsyncStream[ChatCompletionChunk]:
    """A long stream whose first tokens are there."""
    create: Callable[..., Awaitable[AsyncStream[ChatCompletionChunk]]] = client.chat.completions.create
    stream = await create(model=model, messages=user(text), stream=True, **ENDLESS)
    await anext(aiter(stream))
    return stream


async def test_16_at_once_are_16_answers(async_client: AsyncOpenAI, model: str) -> None:
    async def ask(word: str) -> ChatCompletion:
        return await async_client.chat.completions.create(
            model=model, messages=user(f"Tell me about {word}."), temperature=0, max_tokens=12
        )

    words = ["lions", "tigers", "bears", "the moon"]
    alone = [text_of(await ask(word)) for word in words]
    answers = await asyncio.gather(*(ask(word) for word in words * 4))
    assert [text_of(answer) for answer in answers] == alone * 4
    assert len({answer.id for answer in answers}) == 16


async def test_a_short_answer_does_not_wait_for_a_long_one(async_client: AsyncOpenAI, model: str) -> None:
    long = await begin(async_client, model, "Tell me all there is to tell.")
    reading = asyncio.ensure_future(drain(long))
    short = await async_client.chat.completions.create(
        model=model, messages=user("Say hello."), temperature=0, max_tokens=8
    )
    assert text_of(short)
    assert not reading.done()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await long.close()


async def drain(stream: AsyncStream[ChatCompletionChunk]) -> None:
    async for _ in stream:
        pass
