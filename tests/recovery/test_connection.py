"""The way to a real Triton cut and stalled: what becomes of answers, what readiness says, and that it heals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest

from launcher.triton import EmbeddedTriton
from proxy.engines.transport import PING_SECONDS, PING_TIMEOUT_SECONDS
from proxy.engines.triton import TritonEngine
from proxy.errors import EngineFailed
from tests.recovery.asked import answer, becomes, generation, read_out, truth
from tests.relay import Relay

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
    for pause in (0.0, 0.0, 0.001, 0.01, 0.05):
        assert await answer(engine, 1) == [100]
        relay.cut()
        await asyncio.sleep(pause)


async def test_a_stalled_connection_is_noticed_and_given_up(engine: TritonEngine, relay: Relay) -> None:
    async with aclosing(engine.generate(generation(8000))) as running:
        await anext(running)
        relay.stall(new=False)
        assert not await truth(engine)
        started = time.monotonic()
        ended, new = await asyncio.gather(read_out(running), answer(engine), return_exceptions=True)
        assert time.monotonic() - started < NOTICED_SECONDS
        assert isinstance(ended, EngineFailed)
        assert new == [100, 101, 102, 100, 101]
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
