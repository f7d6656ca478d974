"""A Triton of the test's own that is hurt: what readiness says, and that the same engine adapter goes on after."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path

import grpc
import psutil
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from launcher.triton import EmbeddedTriton
from proxy.engines.triton import TritonEngine
from proxy.errors import EngineFailed
from tests.conftest import SCRIPTED
from tests.recovery.asked import answer, becomes, generation, read_out, truth

SILENT = 501
PAST_VOCABULARY = 60_000
SILENCE_SECONDS = 25
SCRIPT = {
    "pace_ms": 2,
    "answers": [{"after": [SILENT], "ids": [100], "pace_ms": SILENCE_SECONDS * 1000}],
}


def play(script: Path, answers: Mapping[str, object]) -> None:
    """Has the model answer so from now on."""
    new = script.with_suffix(".new")
    new.write_text(json.dumps(answers), encoding="utf-8")
    new.replace(script)


@pytest.fixture
def own_triton(scripted_build: Path, tmp_path: Path) -> Iterator[EmbeddedTriton]:
    shutil.copytree(scripted_build, tmp_path / "build")
    play(tmp_path / "build/repository" / SCRIPTED / "1/script.json", SCRIPT)
    with EmbeddedTriton([tmp_path / "build"], log_path=tmp_path / "log.txt", run_root=tmp_path / "run") as triton:
        triton.wait_ready(60)
        yield triton


@pytest.fixture
async def engine(own_triton: EmbeddedTriton) -> AsyncIterator[TritonEngine]:
    engine = TritonEngine(own_triton.grpc_address)
    yield engine
    await engine.close()


def guard_of(triton: EmbeddedTriton) -> psutil.Process:
    mark = str(triton.grpc_address.rpartition(":")[2])
    guards = [child for child in psutil.Process().children() if "launcher.guard" in child.cmdline()]
    return next(one for one in guards if any(f"--grpc-port={mark}" in child.cmdline() for child in one.children()))


@contextmanager
def left_alone(guard: psutil.Process) -> Iterator[psutil.Process]:
    """The tritonserver, with nobody who starts it again: as one elsewhere is."""
    (server,) = guard.children()
    guard.suspend()
    try:
        yield server
    finally:
        guard.resume()


def triton_calls_it_ready(triton: EmbeddedTriton) -> bool:
    with grpc.insecure_channel(triton.grpc_address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        ready: bool = stub.ModelReady(service_pb2.ModelReadyRequest(name=SCRIPTED), timeout=5).ready
        return ready


async def test_a_model_whose_process_died_is_not_ready_whatever_triton_says(
    engine: TritonEngine, own_triton: EmbeddedTriton
) -> None:
    assert await truth(engine)
    with left_alone(guard_of(own_triton)) as server:
        (model_process,) = server.children()
        model_process.kill()
        assert triton_calls_it_ready(own_triton)
        await becomes(engine, False, 0.6)
        with pytest.raises(EngineFailed):
            await answer(engine)
    await becomes(engine, True, 60)
    assert await answer(engine, 2) == [100, 101]


async def test_triton_killed_and_started_again(engine: TritonEngine, own_triton: EmbeddedTriton) -> None:
    stream = engine.generate(generation(8000))
    await anext(stream)
    (server,) = guard_of(own_triton).children()
    server.kill()
    with pytest.raises(EngineFailed):
        await read_out(stream)
    assert not await truth(engine)
    await becomes(engine, True, 60)
    assert await answer(engine, 2) == [100, 101]


async def test_a_triton_that_is_stopped_is_not_ready_until_it_goes_on(
    engine: TritonEngine, own_triton: EmbeddedTriton
) -> None:
    assert await answer(engine, 1) == [100]
    with left_alone(guard_of(own_triton)) as server:
        server.suspend()
        assert not await truth(engine)
        server.resume()
        await becomes(engine, True, 5)
        assert await answer(engine, 1) == [100]


async def test_after_an_answer_that_failed_readiness_asks_for_one_that_does_not(
    engine: TritonEngine, own_triton: EmbeddedTriton, tmp_path: Path
) -> None:
    """While the model refuses answers without room as ever."""
    script = tmp_path / "build/repository" / SCRIPTED / "1/script.json"
    play(script, {"answers": [{"after": [], "ids": [], "error": "engine_failed: so it is", "error_at": 0}]})
    assert await truth(engine)
    with pytest.raises(EngineFailed):
        await answer(engine, 5, (PAST_VOCABULARY,))
    await asyncio.sleep(0.6)  # past what readiness remembers of the question before
    assert await truth(engine)
    with pytest.raises(EngineFailed):
        await answer(engine, 5, (100,))
    await becomes(engine, False, 0.6)
    play(script, SCRIPT)
    await becomes(engine, True, 2)


async def test_a_silent_engine_is_not_mistaken_for_a_silent_connection(engine: TritonEngine) -> None:
    """Nor does Triton hang up on us, as it does on clients that ping too often while no data flows."""
    async with aclosing(engine.generate(generation(5, (SILENT,)))) as stream:
        assert (await asyncio.wait_for(anext(stream), SILENCE_SECONDS * 2)).ids == [100]
