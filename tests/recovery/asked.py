"""What the tests ask of an engine before the scripted model, and of its readiness."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from proxy.engines.triton import TritonEngine
from proxy.generation import Generation, Sampling, Tokens
from tests.conftest import SCRIPTED

# From the contract, and a second for a machine that has other things to do.
TRUTH_SECONDS = 2.0 + 1.0


def generation(room: int, prompt: tuple[int, ...] = (100, 101, 102)) -> Generation:
    return Generation(
        request_id=secrets.token_hex(8),
        model=SCRIPTED,
        prompt=prompt,
        max_tokens=room,
        end_ids=(2,),
        pad_id=2,
        vocab_size=49152,
        stop_words=(),
        sampling=Sampling(0.0, 1.0, 0, 1.0, 0.0, 0.0),
        seed=7,
        log_probs=False,
    )


async def answer(engine: TritonEngine, room: int = 5, prompt: tuple[int, ...] = (100, 101, 102)) -> list[int]:
    async with aclosing(engine.generate(generation(room, prompt))) as stream:
        return [token async for tokens in stream for token in tokens.ids]


async def read_out(stream: AsyncGenerator[Tokens, None]) -> None:
    async for _ in stream:
        """To its end."""


async def truth(engine: TritonEngine) -> bool:
    """What readiness says, which must be within the time that it may take."""
    started = time.monotonic()
    ready = await engine.ready(SCRIPTED)
    assert time.monotonic() - started < TRUTH_SECONDS
    return ready


async def becomes(engine: TritonEngine, ready: bool, within: float) -> None:
    """Waits until readiness says so. Raises AssertionError when the time is up."""
    deadline = time.monotonic() + within
    for _ in range(1000):
        if await truth(engine) is ready:
            return
        assert time.monotonic() < deadline, f"readiness is not {ready} in time"
        await asyncio.sleep(0.05)
