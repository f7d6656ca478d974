from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build_engines.sections import TensorRtLlmEngine
from proxy.engines.scripted import ScriptedEngine
from proxy.errors import UnsupportedParameter
from proxy.generation import Generation, Tokens
from proxy.metrics import Metrics, RequestMetrics
from proxy.models import ServedModel, load_catalog
from proxy.openai.chunk import Chunk
from proxy.openai.request import parse
from proxy.pipeline import prepare
from proxy.servable import check_servable


@pytest.fixture
def model(byte_build: Path) -> Iterator[ServedModel]:
    with ThreadPoolExecutor(1) as pool:
        yield load_catalog([byte_build], pool).models[0]


async def read(model: ServedModel, engine: ScriptedEngine, n: int, pauses: Sequence[int]) -> list[Chunk]:
    """The chunks of an answer whose client lets the loop go round so often before it reads on."""
    body = orjson.dumps({"model": model.id, "messages": [{"role": "user", "content": "x"}], "n": n, "seed": 0})
    request, _ = parse(body, max_n=8)
    metrics = RequestMetrics(Metrics())
    answer = await prepare(request, model, engine, metrics)
    metrics.begin(answer.prompt_tokens, answer.samples)
    found = []
    wait = iter(pauses)
    async for chunks in answer.chunks():
        found += chunks
        for _ in range(next(wait, 0)):
            await asyncio.sleep(0)
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.lists(st.integers(0, 6), max_size=20))
def test_the_usage_comes_with_the_last_finish_reason_however_slow_the_client(
    model: ServedModel, lengths: list[int], pauses: list[int]
) -> None:
    def script(generation: Generation) -> list[Tokens]:
        return [*(Tokens((97,)) for _ in range(lengths[generation.seed])), Tokens((), finish="stop")]

    chunks = asyncio.run(read(model, ScriptedEngine(script), len(lengths), pauses))
    assert sum(chunk.finish_reason is not None for chunk in chunks) == len(lengths)
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion == sum(lengths)


def test_an_engine_without_logits_is_never_asked_for_the_most_likely_tokens(model: ServedModel) -> None:
    recipe = model.manifest.recipe.model_copy(update={"engine": TensorRtLlmEngine(target="tensorrtllm", gpu="l4")})
    mute = replace(model, manifest=model.manifest.model_copy(update={"recipe": recipe}))
    body = {"model": model.id, "messages": [{"role": "user", "content": "x"}], "logprobs": True, "top_logprobs": 2}
    request, _ = parse(orjson.dumps(body), max_n=8)
    with pytest.raises(UnsupportedParameter) as caught:
        check_servable(request, mute)
    assert caught.value.param == "top_logprobs"
    check_servable(request, model)
