"""The proxy's own work for a stream: the line from ChatRequest to event bytes, without HTTP and without gRPC.

A scripted engine in the process hands out one token at a time; beside it, in the same run, the floor: an async
generator that hands out ready-made events. Makes a Markdown table::

    | what | µs | floors |
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson

from proxy.engines.scripted import ScriptedEngine
from proxy.generation import Generation, Tokens
from proxy.metrics import Metrics, RequestMetrics
from proxy.models import ServedModel, load_catalog
from proxy.openai.request import parse
from proxy.openai.sse import SseEncoder
from proxy.pipeline import prepare

TOKENS = 4000
ROUNDS = 5
WORDS_IN_PROMPT = 170  # about 200 tokens with the template


def _script(generation: Generation) -> Iterable[Tokens]:
    for number in range(TOKENS):
        yield Tokens((1000 + number % 3000,))
    yield Tokens((), finish="stop")


def _body(model: ServedModel) -> bytes:
    messages = [{"role": "user", "content": "word " * WORDS_IN_PROMPT}]
    return orjson.dumps({"model": model.id, "messages": messages, "stream": True})


async def _line(model: ServedModel, engine: ScriptedEngine, metrics: Metrics) -> tuple[float, float]:
    """CPU seconds of one request before its first token, and of all its tokens."""
    started = time.process_time()
    request, _ = parse(_body(model), max_n=1)
    timing = RequestMetrics(metrics)
    answer = await prepare(request, model, engine, timing)
    timing.begin(answer.prompt_tokens, 1)
    prepared = time.process_time()
    encoder = SseEncoder(answer.head, "inline")
    size = 0
    async for chunks in answer.chunks():
        size += len(b"".join([encoder.encode(chunk) for chunk in chunks]))
    return prepared - started, time.process_time() - prepared


async def _ready_made() -> AsyncGenerator[bytes, None]:
    event = b'data: {"choices":[{"index":0,"delta":{"content":" word"}}]}\n\n'
    for _ in range(TOKENS):
        yield event


async def _floor() -> float:
    started = time.process_time()
    size = 0
    async for event in _ready_made():
        size += len(event)
    return time.process_time() - started


async def measure(folder: Path) -> list[tuple[str, float, float]]:
    """Rows of what, microseconds, and how many floors that is: the best of ROUNDS."""
    with ThreadPoolExecutor(1) as pool:
        model = load_catalog([folder], pool).models[0]
        engine, metrics = ScriptedEngine(_script), Metrics()
        runs = [await _line(model, engine, metrics) for _ in range(ROUNDS)]
        floor = min([await _floor() for _ in range(ROUNDS)]) / TOKENS
    request, token = min(run[0] for run in runs), min(run[1] for run in runs) / TOKENS
    rows = (("ready-made event (floor)", floor), ("token", token), ("request, 200-token prompt", request))
    return [(what, seconds * 1e6, seconds / floor) for what, seconds in rows]


def table(rows: list[tuple[str, float, float]]) -> str:
    """The rows as Markdown."""
    lines = [f"| {what} | {microseconds:.2f} | {floors:.0f} |\n" for what, microseconds, floors in rows]
    return "".join(["| what | µs of CPU | floors |\n|---|---|---|\n", *lines])
