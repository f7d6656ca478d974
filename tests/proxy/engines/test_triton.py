"""The adapter against a Triton that misbehaves; how it works with a real one is in tests/contract."""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import NoReturn, Protocol

import grpc
import grpc.aio
import pytest
from tritonclient.grpc import service_pb2 as pb

from proxy.engines.triton import TritonEngine
from proxy.errors import EngineFailed, ForiiError, ModelUnavailable
from tests.proxy.engines.test_tensors import GENERATION


class Context(Protocol):
    """What a method of the server may do to its call."""

    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn: ...


Play = Callable[[Context], AsyncGenerator[pb.ModelStreamInferResponse, None]]


def said(*ids: int, final: bool = False, error: str = "") -> pb.ModelStreamInferResponse:
    message = pb.ModelStreamInferResponse(error_message=error)
    message.infer_response.parameters["triton_final_response"].bool_param = final
    message.infer_response.outputs.add(name="output_ids", datatype="INT32", shape=[1, 1, len(ids)])
    message.infer_response.raw_output_contents.append(array("i", ids).tobytes())
    return message


@asynccontextmanager
async def engine_of(play: Play) -> AsyncIterator[TritonEngine]:
    """An engine whose Triton plays one stream."""

    async def stream(
        requests: AsyncIterator[pb.ModelInferRequest], context: Context
    ) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        async for _ in requests:
            async for message in play(context):
                yield message

    method = grpc.stream_stream_rpc_method_handler(
        stream, pb.ModelInferRequest.FromString, pb.ModelStreamInferResponse.SerializeToString
    )
    server = grpc.aio.server()
    handlers = {"ModelStreamInfer": method}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    engine = TritonEngine(f"127.0.0.1:{port}")
    try:
        yield engine
    finally:
        await engine.close()
        await server.stop(None)


async def play_out(play: Play) -> list[int]:
    """The ids of the stream; raises what the engine raises."""
    ids: list[int] = []
    async with engine_of(play) as engine, aclosing(engine.generate(GENERATION)) as stream:
        async for tokens in stream:
            ids += tokens.ids
    return ids


async def test_a_stream_is_read_to_its_final_response_and_no_further() -> None:
    async def play(context: Context) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        yield said(5)
        yield said(6, final=True)
        yield said(7)

    assert await play_out(play) == [5, 6]


async def test_a_stream_without_a_final_response_is_an_engine_that_failed() -> None:
    async def play(context: Context) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        yield said(5)

    with pytest.raises(EngineFailed, match="unfinished"):
        await play_out(play)


@pytest.mark.parametrize("early", [True, False], ids=["before the answer", "within the answer"])
async def test_an_error_message_is_translated(early: bool) -> None:
    async def play(context: Context) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        if not early:
            yield said(5)
        yield said(error="engine_failed: the secret reason")

    with pytest.raises(EngineFailed) as caught:
        await play_out(play)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
@pytest.mark.parametrize("early", [True, False], ids=["before the answer", "within the answer"])
async def test_a_broken_call_is_an_error_of_ours_whatever_its_status(code: grpc.StatusCode, early: bool) -> None:
    async def play(context: Context) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        if not early:
            yield said(5)
        await context.abort(code, "secret details")

    with pytest.raises(ForiiError) as caught:
        await play_out(play)
    assert caught.value.status in ((502, 503) if early else (502,))
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(("early", "tries"), [(True, 2), (False, 1)])
async def test_a_lost_connection_costs_one_more_try_unless_the_answer_has_begun(early: bool, tries: int) -> None:
    played = []

    async def play(context: Context) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        played.append(1)
        if not early:
            yield said(5)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "lost")

    with pytest.raises(ModelUnavailable if early else EngineFailed):
        await play_out(play)
    assert len(played) == tries


async def test_a_response_that_cannot_be_read_is_an_engine_that_failed() -> None:
    async def play(context: Context) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        message = said(5)
        message.infer_response.raw_output_contents.append(b"one too many")
        yield message

    with pytest.raises(EngineFailed):
        await play_out(play)


async def test_a_triton_that_is_not_there_is_unavailable_and_not_ready() -> None:
    engine = TritonEngine("127.0.0.1:9")
    with pytest.raises(ModelUnavailable):
        await engine.generate(GENERATION).__anext__()
    assert not await engine.ready("m")
    await engine.close()
