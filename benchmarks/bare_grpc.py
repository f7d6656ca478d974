"""The floor below the proxy: a client that reads token streams from gRPC and does nothing with them. In a process
of its own::

    python -m benchmarks.bare_grpc HOST:PORT MODEL STREAMS REQUESTS PROMPT ROOM

Prints a Load as JSON, and with it the CPU microseconds that a token took this process.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from dataclasses import asdict

import grpc.aio
import uvloop
from tritonclient.grpc import service_pb2 as pb

from benchmarks.load import Load
from proxy.engines.tensors import encode
from proxy.generation import Generation, Sampling

_INFER = "/inference.GRPCInferenceService/ModelStreamInfer"


def _request(model: str, name: str, prompt: int, room: int) -> bytes:
    generation = Generation(
        request_id=name,
        model=model,
        prompt=[1000 + number for number in range(prompt)],
        max_tokens=room,
        end_ids=(2,),
        pad_id=2,
        vocab_size=49152,
        stop_words=(),
        sampling=Sampling(0.7, 1.0, 0, 1.0, 0.0, 0.0),
        seed=7,
        log_probs=False,
    )
    data: bytes = encode(generation).SerializeToString()
    return data


async def _stream(channel: grpc.aio.Channel, requests: list[bytes], first: list[float]) -> tuple[int, list[str]]:
    """Messages with an id, and what went wrong."""
    infer: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(_INFER)
    count, faults = 0, []
    for request in requests:
        sent, waits = time.perf_counter(), True
        data = b""
        async for message in infer(request):
            if waits:
                first.append(time.perf_counter() - sent)
                waits = False
            count += 1
            data = message
        if error := pb.ModelStreamInferResponse.FromString(data).error_message:
            faults.append(error)
    return count, faults


async def _read(address: str, model: str, streams: int, requests: int, prompt: int, room: int) -> Load:
    first: list[float] = []
    asked = [
        [_request(model, f"bare-{stream}-{number}", prompt, room) for number in range(requests)]
        for stream in range(streams)
    ]
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        started = time.perf_counter()
        answers = await asyncio.gather(*(_stream(channel, mine, first) for mine in asked))
        seconds = time.perf_counter() - started
    faults = [fault for _, mine in answers for fault in mine]
    tokens = sum(count for count, _ in answers)
    return Load(
        requests=streams * requests,
        tokens=tokens,
        chunks=tokens,
        errors=len(faults),
        first_ms=1000 * statistics.median(first),
        seconds=seconds,
        fault=faults[0] if faults else "",
    )


def main(address: str, model: str, *numbers: str) -> None:
    streams, requests, prompt, room = map(int, numbers)
    started = time.process_time()
    got = uvloop.run(_read(address, model, streams, requests, prompt, room))
    spent = time.process_time() - started
    sys.stdout.write(json.dumps({**asdict(got), "cpu_us": 1e6 * spent / got.tokens}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
