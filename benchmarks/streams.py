"""What a streamed token costs the proxy, beside what it costs to read it from gRPC and to send it with uvicorn::

| engine | pace | streams | proxy | gRPC reader | ASGI sender | ratio | first token | tokens/chunk | errors | MB |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.child import loaded, serving
from benchmarks.proxy import Proxy

REQUESTS = 200
_PROMPT = 200
# Tokens of each stream, by pace in ms and number of streams: a few seconds for all of them.
_ROOM = {(0, 1): 3000, (0, 16): 600, (0, 64): 200, (20, 1): 100, (20, 16): 150, (20, 64): 150}
STREAMS = (1, 16, 64)
HEAD = (
    "| engine | pace | streams | proxy, µs of CPU a token | gRPC reader | ASGI sender | proxy / both"
    " | first token, ms after the reader's | tokens per chunk | errors | proxy, MB |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True)
class Row:
    """pace: ms between two tokens, 0 for as fast as can be. cpu, reader, sender: µs a token. first_ms: how much
    later than the bare reader's a stream's first token is, as medians."""

    engine: str
    pace: int
    streams: int
    cpu: float
    reader: float
    sender: float
    first_ms: float
    per_chunk: float
    errors: int
    memory: float

    def __str__(self) -> str:
        pace = f"{self.pace} ms" if self.pace else "full speed"
        return (
            f"| {self.engine} | {pace} | {self.streams} | {self.cpu:.0f} | {self.reader:.0f} | {self.sender:.0f} "
            f"| {self.cpu / (self.reader + self.sender):.1f} | {self.first_ms:.1f} | {self.per_chunk:.2f} "
            f"| {self.errors} | {self.memory:.0f} |\n"
        )


def request_cost(proxy: Proxy, model: str) -> float:
    """CPU seconds of a request with a 200-token prompt and an answer of one token."""
    proxy.load(model, 4, 5, 1)
    load, cpu = proxy.load(model, 1, REQUESTS, 1)
    if load.errors:
        raise RuntimeError(f"the proxy does not answer: {load.fault}")
    return cpu / REQUESTS


def senders(pace: int) -> dict[int, float]:
    """µs a token of an ASGI application that sends ready-made chunks, by number of streams."""
    found = {}
    with serving("benchmarks.ready_made", pace) as child:
        for streams in STREAMS:
            before = child.cpu()
            body = f'{{"max_tokens": {_ROOM[pace, streams]}}}'
            load, _ = loaded("benchmarks.load", f"http://{child.address}/", streams, 1, body)
            found[streams] = 1e6 * (child.cpu() - before) / load.tokens
    return found


def rows(
    engine: str,
    proxy: Proxy,
    grpc: tuple[str, str],
    model: str,
    pace: int,
    floor: dict[int, float],
    request: float,
) -> Iterator[Row]:
    """grpc: address and model of the engine itself. model: its id at the proxy. floor: see senders. request: see
    request_cost; it is no part of a token's cost."""
    for streams in STREAMS:
        room = _ROOM[pace, streams]
        bare, reader = loaded("benchmarks.bare_grpc", *grpc, streams, 1, _PROMPT, room)
        load, cpu = proxy.load(model, streams, 1, room)
        yield Row(
            engine=engine,
            pace=pace,
            streams=streams,
            cpu=1e6 * (cpu - request * load.requests) / max(1, load.tokens),
            reader=reader,
            sender=floor[streams],
            first_ms=load.first_ms - bare.first_ms,
            per_chunk=load.tokens / max(1, load.chunks),
            errors=load.errors + bare.errors,
            memory=proxy.child.memory(),
        )
