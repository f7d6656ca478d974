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
from proxy.openai.text_request import parse_text
from proxy.prompt.pool import prompt_pool, run
from proxy.prompt.prompt import Prompt, Prompter

TICK = 0.001
# By the contract, in seconds.
PROMISED = 0.005
ATTEMPTS = 20


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


TEXT = "word दुनिया, don't <b>x</b>; "
BODIES: dict[str, dict[str, object]] = {
    "one message": {"messages": [{"role": "user", "content": TEXT * 5500}]},
    "many messages": {
        "messages": [
            {"role": ["user", "assistant"][number % 2], "content": "word word, don't <b>x</b>;"}
            for number in range(6001)
        ]
    },
    "one text": {"prompt": TEXT * 5500},
    "ids": {"prompt": [number % 49_000 for number in range(110_000)]},
}


def prepared(body: bytes, prompter: Prompter, limit: int) -> Prompt:
    """What a request's thread does, from its bytes on."""
    if b'"messages"' in body:
        request, _ = parse(body, max_n=1)
        return prompter.of_messages(template_messages(request.messages), limit, truncate=True)
    text, _ = parse_text(body, max_n=1)
    if isinstance(text.prompt, str):
        return prompter.of_text(text.prompt, limit, truncate=True)
    return prompter.of_ids(text.prompt, limit, truncate=True)


@pytest.mark.usefixtures("_calm")
@pytest.mark.parametrize("limit", [8000, 1_000_000])
@pytest.mark.parametrize("name", list(BODIES))
async def test_100_000_tokens_do_not_hold_up_the_others(
    name: str, limit: int, prompter: Prompter, pool: ThreadPoolExecutor
) -> None:
    body = json.dumps({"model": "m", **BODIES[name]}).encode()
    latest: list[float] = []
    full = []
    gc.callbacks.append(lambda phase, info: full.append(phase) if info["generation"] == 2 else None)
    # A machine with other work to do is late by itself, so the best of some attempts counts. Where the lock were
    # held for the work, it would be late each time.
    while min(latest, default=1.0) >= PROMISED and len(latest) < ATTEMPTS:
        prompt, late = await ticks(run(pool, len(body), partial(prepared, body, prompter, limit)))
        assert len(prompt.ids) + prompt.truncated > 100_000
        latest.append(max(late))
    gc.callbacks.pop()
    assert full == [], "a full garbage collection holds up everything"
    assert min(latest) < PROMISED, latest


async def test_what_is_short_is_done_at_once(pool: ThreadPoolExecutor) -> None:
    threads = []

    def work() -> None:
        threads.append(asyncio.get_running_loop())

    await run(pool, 100, work)
    assert threads == [asyncio.get_running_loop()]
    with pytest.raises(RuntimeError, match="no running event loop"):
        await run(pool, 100_000, work)
