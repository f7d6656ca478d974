"""A gRPC server that speaks the token contract without Triton and without a model, to see the proxy alone.

Started as a process of its own: ``python -m benchmarks.mock_engine PACE_MS`` prints ``ready HOST:PORT`` and serves
until it is ended. Each request is answered with as many ids as it has room for, one message each.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import time
from collections.abc import AsyncIterator

import grpc.aio
from tritonclient.grpc import service_pb2 as pb

_SERVICE = "inference.GRPCInferenceService"
_DIFFERENT = 64  # messages that a stream repeats


def _message(request: pb.ModelInferRequest, token: int, *, final: bool) -> bytes:
    """One id, laid out as Triton lays out a response of a decoupled model."""
    response = pb.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
    response.parameters["triton_final_response"].bool_param = final
    for name, shape, value in (("output_ids", [1, 1, 1], token), ("sequence_length", [1, 1], 1)):
        response.outputs.add(name=name, datatype="INT32", shape=shape)
        response.raw_output_contents.append(struct.pack("<i", value))
    data: bytes = pb.ModelStreamInferResponse(infer_response=response).SerializeToString()
    return data


def _room(request: pb.ModelInferRequest) -> int:
    place = [tensor.name for tensor in request.inputs].index("request_output_len")
    room: int = struct.unpack("<i", request.raw_input_contents[place])[0]
    return room


class _Engine:
    """pace: seconds between two ids of a stream; 0 is as fast as can be."""

    def __init__(self, pace: float) -> None:
        self._pace = pace

    async def infer(self, requests: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
        async for data in requests:
            request = pb.ModelInferRequest.FromString(data)
            room = _room(request)
            middle = [_message(request, 1000 + number, final=False) for number in range(min(room, _DIFFERENT))]
            due = time.monotonic()
            for number in range(room - 1):
                due += self._pace
                if self._pace:
                    await asyncio.sleep(due - time.monotonic())
                yield middle[number % _DIFFERENT]
            if self._pace:
                await asyncio.sleep(due + self._pace - time.monotonic())
            yield _message(request, 1000, final=True)

    async def ready(self, _data: bytes, _context: object) -> bytes:
        data: bytes = pb.ModelReadyResponse(ready=True).SerializeToString()
        return data


async def _serve(pace: float) -> None:
    engine = _Engine(pace)
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(engine.infer),
        "ModelReady": grpc.unary_unary_rpc_method_handler(engine.ready),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"ready 127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]) / 1000))
