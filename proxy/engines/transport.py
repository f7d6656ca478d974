"""One gRPC channel to a Triton: requests in, the messages of their streams out. Knows nothing of tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cached_property
from typing import Protocol

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2 as pb

_SERVICE = "/inference.GRPCInferenceService/"
# After Triton was away, be back soon after it is: gRPC's own wait grows to two minutes.
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
)


class Call(Protocol):
    """The stream of one request."""

    def __aiter__(self) -> AsyncIterator[pb.ModelStreamInferResponse]: ...

    def cancel(self) -> bool: ...


class Transport:
    """address: HOST:PORT of Triton's gRPC port. Connects when first used (gRPC's channel belongs to the event loop
    that makes it), and again when cut."""

    def __init__(self, address: str) -> None:
        self._address = address

    @cached_property
    def _channel(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._address, options=_OPTIONS)

    @cached_property
    def _infer(self) -> grpc.aio.UnaryStreamMultiCallable[pb.ModelInferRequest, pb.ModelStreamInferResponse]:
        # ModelStreamInfer takes a stream of requests. One request and the end of the stream are the same bytes as
        # a unary call, which gRPC sends in one go, without a task of its own that feeds the stream.
        return self._channel.unary_stream(
            _SERVICE + "ModelStreamInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelStreamInferResponse.FromString,
        )

    @cached_property
    def _model_ready(self) -> grpc.aio.UnaryUnaryMultiCallable[pb.ModelReadyRequest, pb.ModelReadyResponse]:
        return self._channel.unary_unary(
            _SERVICE + "ModelReady",
            request_serializer=pb.ModelReadyRequest.SerializeToString,
            response_deserializer=pb.ModelReadyResponse.FromString,
        )

    def stream(self, request: pb.ModelInferRequest) -> Call:
        """A stream of its own: cancelling it cancels this request alone. Iterating raises grpc.RpcError."""
        call: Call = self._infer(request)
        return call

    async def model_ready(self, model: str, timeout: float) -> bool:
        """Raises grpc.RpcError if Triton cannot be reached within timeout seconds."""
        response = await self._model_ready(pb.ModelReadyRequest(name=model), timeout=timeout)
        ready: bool = response.ready
        return ready

    async def close(self) -> None:
        await self._channel.close()
