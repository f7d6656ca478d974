"""Every engine there is: the scripted one in process, the scripted and the OpenVINO model in a real Triton; or,
where there is one, a Triton elsewhere alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple, cast

import httpx2
import pytest

from build_engines.recipe import Manifest
from launcher.triton import EmbeddedTriton
from proxy.engines.scripted import ScriptedEngine, echo
from proxy.engines.triton import TritonEngine
from proxy.generation import Generation, Sampling, Tokens
from proxy.prompt.template import ChatTemplate
from proxy.prompt.tokenizer import Tokenizer
from tests.conftest import SCRIPTED
from tests.contract.subject import ELSEWHERE, ENGINES, IN_PROCESS, OPENVINO_IN_TRITON, SCRIPTED_IN_TRITON, Subject
from tests.deployed import DEPLOYED, sequences_running

Open = Callable[[], AbstractAsyncContextManager[Subject]]

ECHOED = list(range(100, 110))
LONG, SHORT = "Tell me a very long story about a fox.", "What is the capital of France?"
STORY, QUESTION = (f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n" for text in (LONG, SHORT))


class Server(NamedTuple):
    """Where a Triton is."""

    grpc_address: str
    metrics_url: str


@pytest.fixture(params=ENGINES)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Each engine in turn. Only what is asked for is started."""
    fixtures = {
        IN_PROCESS: "in_process",
        SCRIPTED_IN_TRITON: "scripted",
        OPENVINO_IN_TRITON: "openvino",
        ELSEWHERE: "elsewhere",
    }
    async with cast(Open, request.getfixturevalue(fixtures[request.param]))() as opened:
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


@pytest.fixture
def elsewhere(manifest: Manifest, tokenizer_folder: Path) -> Open:
    """The deployed model, asked in its own template."""
    assert DEPLOYED is not None
    server = Server(DEPLOYED.address, DEPLOYED.metrics_url)
    template = ChatTemplate(tokenizer_folder, Tokenizer(tokenizer_folder))
    plain, ending = (
        _generation(manifest.triton_model, template.encode([{"role": "user", "content": text}]), manifest.end_ids)
        for text in (LONG, SHORT)
    )
    return lambda: _in_triton(server, (plain, ending), manifest.context, manifest.vocab_size)


@asynccontextmanager
async def _in_triton(
    triton: Server | EmbeddedTriton, generations: tuple[Generation, Generation], context: int, vocab_size: int
) -> AsyncIterator[Subject]:
    engine = TritonEngine(triton.grpc_address)
    model = generations[0].model

    def running() -> int:
        return sequences_running(httpx2.get(triton.metrics_url).text, model)

    yield Subject(engine, *generations, context, vocab_size, running)
    await engine.close()


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
        stop_words=(),
        sampling=Sampling(0.0, 1.0, 0, 1.0, 0.0, 0.0),
        seed=7,
        log_probs=False,
    )
