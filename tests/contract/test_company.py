"""How every engine treats those that it serves at the same time."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest

from proxy.engines.triton import TritonEngine
from proxy.errors import ContextLengthExceeded, ForiiError, ModelUnavailable
from tests.contract.subject import IN_TRITON, Answer, Subject, answer, ask

SOON = 0.3  # seconds: the contract's 200 ms and the time to ask


async def until(subject: Subject, running: int, within: float) -> bool:
    """Whether the engine comes to run so many sequences in time."""
    deadline = time.monotonic() + within
    while subject.running() != running:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


async def test_a_stream_that_is_closed_frees_the_engine(subject: Subject) -> None:
    assert await until(subject, 0, SOON)
    async with aclosing(subject.engine.generate(ask(subject.plain, max_tokens=4000))) as stream:
        for _ in range(3):
            await stream.__anext__()
        assert await until(subject, 1, 5)
    assert await until(subject, 0, SOON)


async def test_a_reader_that_is_cancelled_frees_the_engine(subject: Subject) -> None:
    tasks = [asyncio.ensure_future(answer(subject.engine, ask(subject.plain, max_tokens=4000))) for _ in range(3)]
    assert await until(subject, 3, 5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await until(subject, 0, SOON)


async def test_one_that_is_cancelled_leaves_the_others_alone(subject: Subject) -> None:
    alone = await answer(subject.engine, ask(subject.plain, max_tokens=200))
    async with aclosing(subject.engine.generate(ask(subject.plain, max_tokens=200))) as staying:
        async with aclosing(subject.engine.generate(ask(subject.plain, max_tokens=4000))) as going:
            await going.__anext__()
            first = await staying.__anext__()
        rest = [item async for item in staying]
    assert Answer([first, *rest]).ids == alone.ids
    assert await until(subject, 0, SOON)


async def test_a_short_answer_that_starts_later_ends_before_a_long_one(subject: Subject) -> None:
    async with aclosing(subject.engine.generate(ask(subject.plain, max_tokens=4000))) as long:
        await long.__anext__()
        short = await asyncio.wait_for(answer(subject.engine, ask(subject.plain, max_tokens=5)), 20)
        assert len(short.ids) == 5
        assert (await long.__anext__()).finish is None


async def test_many_at_once_each_get_their_own_answer(subject: Subject) -> None:
    rooms = [3, 17, 8, 1, 12]
    found = await asyncio.gather(*(answer(subject.engine, ask(subject.plain, max_tokens=room)) for room in rooms))
    assert [len(one.ids) for one in found] == rooms
    longest = found[1].ids
    assert all(one.ids == longest[: len(one.ids)] for one in found)


@pytest.mark.parametrize("subject", IN_TRITON, indirect=True)
async def test_a_bad_request_fails_alone(subject: Subject) -> None:
    alone = await answer(subject.engine, ask(subject.plain, max_tokens=30))
    good = asyncio.ensure_future(answer(subject.engine, ask(subject.plain, max_tokens=30)))
    with pytest.raises(ContextLengthExceeded):
        await answer(subject.engine, ask(subject.plain, prompt=[5] * (subject.context + 1)))
    for bad in ({"prompt": [subject.vocab_size]}, {"prompt": [-1]}, {"max_tokens": 0}):
        with pytest.raises(ForiiError) as caught:
            await answer(subject.engine, ask(subject.plain, **bad))
        assert caught.value.status == 502
    assert (await good).ids == alone.ids


@pytest.mark.parametrize("subject", IN_TRITON, indirect=True)
async def test_a_model_that_is_not_there_is_unavailable_and_not_ready(subject: Subject) -> None:
    with pytest.raises(ModelUnavailable):
        await answer(subject.engine, ask(subject.plain, model="nobody"))
    assert not await subject.engine.ready("nobody")


async def test_a_model_that_is_there_is_ready(subject: Subject) -> None:
    assert await subject.engine.ready(subject.plain.model)


@pytest.mark.parametrize("subject", IN_TRITON, indirect=True)
async def test_a_triton_that_is_not_there_is_unavailable_and_not_ready(subject: Subject) -> None:
    engine = TritonEngine("127.0.0.1:9")
    with pytest.raises(ModelUnavailable):
        await answer(engine, ask(subject.plain))
    assert not await engine.ready(subject.plain.model)
    await engine.close()
