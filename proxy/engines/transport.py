"""One gRPC channel to a Triton: requests in, the messages of their streams out. Knows nothing of tokens.

A connection that is cut is noticed at once, by both ends. One that goes silent (a machine that is gone, a firewall
that forgot it, a Triton that was stopped) is noticed by pings: every stream on it ends with an error within
PING_SECONDS + PING_TIMEOUT_SECONDS, and the next request finds a new connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import cached_property
from typing import Protocol

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2 as pb

PING_SECONDS = 5.0
PING_TIMEOUT_SECONDS = 10.0
# Triton hangs up on clients that ping more than twice in five minutes without a call in between. And gRPC does not
# ping while there is no call. So there is one.
_CALL_EVERY_SECONDS = 2.0
_SERVICE = "/inference.GRPCInferenceService/"
_OPTIONS = (
    # After Triton was away, be back soon after it is: gRPC's own wait grows to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", round(PING_SECONDS * 1000)),
    ("grpc.keepalive_timeout_ms", round(PING_TIMEOUT_SECONDS * 1000)),
    ("grpc.http2.ping_timeout_ms", round(PING_TIMEOUT_SECONDS * 1000)),
    # Without it gRPC slows the pings to one a minute just where they matter, when nothing is sent any more.
    ("grpc.http2.max_pings_without_data", 0),
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
        channel = grpc.aio.insecure_channel(self._address, options=_OPTIONS)
        self._calling = asyncio.ensure_future(_keep_calling(channel))
        return channel

    @cached_property
    def _infer(self) -> grpc.aio.UnaryStreamMultiCallable[pb.ModelInferRequest, pb.ModelStreamInferResponse]:
        # ModelStreamInfer takes a stream of requests. One request and the end of the stream are the same bytes as
        # a unary call, which gRPC sends in one go, without a task of its own that feeds the stream.
        return self._channel.unary_stream(
            _SERVICE + "ModelStreamInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelStreamInferResponse.FromString,
        )

    def stream(self, request: pb.ModelInferRequest) -> Call:
        """A stream of its own: cancelling it cancels this request alone. Iterating raises grpc.RpcError."""
        call: Call = self._infer(request)
        return call

    async def close(self) -> None:
        channel = self._channel
        self._calling.cancel()
        await asyncio.gather(self._calling, return_exceptions=True)
        await channel.close()


async def _keep_calling(channel: grpc.aio.Channel) -> None:
    """Asks Triton every now and then whether it lives, for the sake of asking."""
    live: grpc.aio.UnaryUnaryMultiCallable[pb.ServerLiveRequest, pb.ServerLiveResponse] = channel.unary_unary(
        _SERVICE + "ServerLive",
        request_serializer=pb.ServerLiveRequest.SerializeToString,
        response_deserializer=pb.ServerLiveResponse.FromString,
    )
    while True:
        with contextlib.suppress(grpc.RpcError):  # the next call, whoever makes it, connects anew
            await live(pb.ServerLiveRequest())
        await asyncio.sleep(_CALL_EVERY_SECONDS)
