"""The way to a real Triton cut and stalled: what becomes of answers, what readiness says, and that it heals."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing

import pytest

from launcher.triton import EmbeddedTriton
from proxy.engines.transport import PING_SECONDS, PING_TIMEOUT_SECONDS
from proxy.engines.triton import TritonEngine
from proxy.errors import EngineFailed, ModelUnavailable
from proxy.generation import Generation, Sampling, Tokens
from tests.conftest import SCRIPTED
from tests.relay import Relay

# From the contract, and a second for a machine that has other things to do.
TRUTH_SECONDS = 2.0 + 1.0
NOTICED_SECONDS = PING_SECONDS + PING_TIMEOUT_SECONDS + 3.0


@pytest.fixture
def relay(triton: EmbeddedTriton) -> Iterator[Relay]:
    with Relay(triton.grpc_address) as relay:
        yield relay


@pytest.fixture
async def engine(relay: Relay) -> AsyncIterator[TritonEngine]:
    engine = TritonEngine(relay.address)
    yield engine
    await engine.close()


def generation(room: int) -> Generation:
    return Generation(
        request_id=secrets.token_hex(8),
        model=SCRIPTED,
        prompt=(100, 101, 102),
        max_tokens=room,
        end_ids=(2,),
        pad_id=2,
        stop_words=(),
        sampling=Sampling(0.0, 1.0, 0, 1.0, 0.0, 0.0),
        seed=7,
        log_probs=False,
    )


async def answer(engine: TritonEngine, room: int = 5) -> list[int]:
    async with aclosing(engine.generate(generation(room))) as stream:
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
    deadline = time.monotonic() + within
    for _ in range(1000):
        if await truth(engine) is ready:
            return
        assert time.monotonic() < deadline, f"not {ready} in time"
        await asyncio.sleep(0.05)


async def test_a_cut_connection_ends_what_runs_and_nothing_else(engine: TritonEngine, relay: Relay) -> None:
    assert await answer(engine) == [100, 101, 102, 100, 101]
    async with aclosing(engine.generate(generation(8000))) as stream:
        await anext(stream)
        relay.cut()
        with pytest.raises(EngineFailed):
            await read_out(stream)
    assert await answer(engine) == [100, 101, 102, 100, 101]
    assert await truth(engine)


async def test_a_connection_that_is_cut_between_requests_costs_none(engine: TritonEngine, relay: Relay) -> None:
    for _ in range(5):
        assert await answer(engine, 1) == [100]
        relay.cut()
        await asyncio.sleep(0.05)


async def test_a_stalled_connection_is_noticed_and_given_up(engine: TritonEngine, relay: Relay) -> None:
    async with aclosing(engine.generate(generation(8000))) as running:
        await anext(running)
        relay.stall(new=False)
        assert not await truth(engine)
        started = time.monotonic()
        ended, new = await asyncio.gather(read_out(running), answer(engine), return_exceptions=True)
        assert time.monotonic() - started < NOTICED_SECONDS
        assert isinstance(ended, EngineFailed)
        assert isinstance(new, ModelUnavailable)
    assert await answer(engine, 1) == [100]
    await becomes(engine, True, 2)


async def test_an_idle_connection_that_stalls_is_given_up_before_anybody_needs_it(
    engine: TritonEngine, relay: Relay
) -> None:
    assert await answer(engine, 1) == [100]
    relay.stall(new=False)
    await asyncio.sleep(NOTICED_SECONDS + 2)
    assert await answer(engine, 1) == [100]


async def test_a_triton_that_takes_connections_and_says_nothing_is_not_ready(
    engine: TritonEngine, relay: Relay
) -> None:
    relay.stall(new=True)
    assert not await truth(engine)
    relay.heal()
    relay.cut()
    await becomes(engine, True, 5)
    assert await answer(engine, 1) == [100]


async def test_a_silent_engine_is_not_mistaken_for_a_stalled_connection(engine: TritonEngine) -> None:
    """Triton hangs up on clients that ping too often; an answer may well be silent for longer than that takes."""
    stream = engine.generate(generation(8000))
    await anext(stream)
    await asyncio.sleep(45)
    assert (await anext(stream)).ids
    await stream.aclose()
