"""Every engine there is: the scripted one in process, the scripted and the OpenVINO model in a real Triton."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import cast

import httpx2
import pytest

from build_engines.recipe import Manifest
from launcher.triton import EmbeddedTriton
from proxy.engines.scripted import ScriptedEngine, echo
from proxy.engines.triton import TritonEngine
from proxy.generation import Generation, Sampling, Tokens
from proxy.prompt.tokenizer import Tokenizer
from tests.conftest import SCRIPTED
from tests.contract.subject import IN_PROCESS, OPENVINO_IN_TRITON, SCRIPTED_IN_TRITON, Subject

Open = Callable[[], AbstractAsyncContextManager[Subject]]

ECHOED = list(range(100, 110))
STORY = "<|im_start|>user\nTell me a very long story about a fox.<|im_end|>\n<|im_start|>assistant\n"
QUESTION = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(params=[IN_PROCESS, SCRIPTED_IN_TRITON, OPENVINO_IN_TRITON])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Each engine in turn. Only what is asked for is started."""
    fixture = {IN_PROCESS: "in_process", SCRIPTED_IN_TRITON: "scripted", OPENVINO_IN_TRITON: "openvino"}[
        request.param
    ]
    async with cast(Open, request.getfixturevalue(fixture))() as opened:
        yield opened


@pytest.fixture
def in_process() -> Open:
    @asynccontextmanager
    async def open_engine() -> AsyncIterator[Subject]:
        engine = ScriptedEngine(_paced_echo)
        yield Subject(engine, *_echoed("any"), 8192, 49152, lambda: engine.running)
        await engine.close()

    return open_engine


@pytest.fixture
def scripted(triton: EmbeddedTriton) -> Open:
    return lambda: _in_triton(triton, _echoed(SCRIPTED), 8192, 49152)


@pytest.fixture
def openvino(triton: EmbeddedTriton, manifest: Manifest, tokenizer_folder: Path) -> Open:
    tokenizer = Tokenizer(tokenizer_folder)
    plain, ending = (
        _generation(manifest.triton_model, tokenizer.encode(text), manifest.end_ids) for text in (STORY, QUESTION)
    )
    return lambda: _in_triton(triton, (plain, ending), manifest.context, manifest.vocab_size)


@asynccontextmanager
async def _in_triton(
    triton: EmbeddedTriton, generations: tuple[Generation, Generation], context: int, vocab_size: int
) -> AsyncIterator[Subject]:
    engine = TritonEngine(triton.grpc_address)
    model = generations[0].model
    yield Subject(engine, *generations, context, vocab_size, lambda: _running(triton.metrics_url, model))
    await engine.close()


def _running(metrics_url: str, model: str) -> int:
    """The engine's own gauge; it has no value before the first sequence."""
    page = httpx2.get(metrics_url).text
    found = re.search(
        rf'^forii_engine_sequences_running{{model="{re.escape(model)}"[^}}]*}} (\S+)$', page, re.MULTILINE
    )
    return int(float(found[1])) if found else 0


def _paced_echo(generation: Generation) -> Iterator[Tokens | float]:
    for tokens in echo(generation):
        yield 0.002
        yield tokens


def _echoed(model: str) -> tuple[Generation, Generation]:
    """For an engine that gives the prompt back, an end id included."""
    return _generation(model, ECHOED, (2, 0)), _generation(model, [*ECHOED, 0, 5], (2, 0))


def _generation(model: str, prompt: list[int], end_ids: tuple[int, ...]) -> Generation:
    return Generation(
        request_id="",
        model=model,
        prompt=prompt,
        max_tokens=200,
        end_ids=end_ids,
        pad_id=end_ids[0],
        vocab_size=49152,
        stop_words=(),
        sampling=Sampling(0.0, 1.0, 0, 1.0, 0.0, 0.0),
        seed=7,
        log_probs=False,
    )
