"""A long prompt and the tokens of others: what a ticking coroutine sees while one is made."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from proxy.interpreter import calm
from proxy.openai.messages import template_messages
from proxy.openai.request import parse
from proxy.prompt.pool import prompt_pool, run
from proxy.prompt.prompt import Prompt, Prompter

TICK = 0.001


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with prompt_pool() as pool:
        yield pool


@pytest.fixture(scope="module")
def prompter(tokenizer_folder: Path, pool: ThreadPoolExecutor) -> Prompter:
    return Prompter(tokenizer_folder, 49152, pool)


@pytest.fixture
def _calm(prompter: Prompter) -> Iterator[None]:
    """The interpreter as a proxy's is, and then as it was."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    calm()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(interval)


async def ticks(work: Awaitable[Prompt]) -> tuple[Prompt, list[float]]:
    """The work's result, and how late each tick came meanwhile, in seconds."""
    late: list[float] = []
    task = asyncio.ensure_future(work)
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(TICK)
        late.append(time.perf_counter() - before - TICK)
    return await task, late


BODIES = {
    "one message": [{"role": "user", "content": "word दुनिया, don't <b>x</b>; " * 5500}],
    "many messages": [
        {"role": ["user", "assistant"][number % 2], "content": "word word, don't <b>x</b>;"}
        for number in range(6001)
    ],
}


@pytest.mark.usefixtures("_calm")
@pytest.mark.parametrize("limit", [8000, 1_000_000])
@pytest.mark.parametrize("name", list(BODIES))
async def test_100_000_tokens_do_not_hold_up_the_others(
    name: str, limit: int, prompter: Prompter, pool: ThreadPoolExecutor
) -> None:
    body = json.dumps({"model": "m", "messages": BODIES[name]}).encode()

    async def make() -> Prompt:
        request, _ = await run(pool, len(body), partial(parse, body, max_n=1))
        return await run(
            pool,
            len(body),
            lambda: prompter.of_messages(template_messages(request.messages), limit, truncate=True),
        )

    latest = []
    full = []
    gc.callbacks.append(lambda phase, info: full.append(phase) if info["generation"] == 2 else None)
    for _ in range(5):
        prompt, late = await ticks(make())
        assert len(prompt.ids) + prompt.truncated > 100_000
        latest.append(max(late))
    gc.callbacks.pop()
    assert full == [], "a full garbage collection holds up everything"
    # 5 ms by the contract; a machine with other work to do is late by itself, so the best of five is looked at and
    # twice as much allowed. Where the lock was held for the work, it would be 100 ms each time.
    assert min(latest) < 0.010, latest


async def test_what_is_short_is_done_at_once(pool: ThreadPoolExecutor) -> None:
    threads = []

    def work() -> None:
        threads.append(asyncio.get_running_loop())

    await run(pool, 100, work)
    assert threads == [asyncio.get_running_loop()]
    with pytest.raises(RuntimeError, match="no running event loop"):
        await run(pool, 100_000, work)
