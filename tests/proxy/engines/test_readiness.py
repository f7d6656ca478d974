"""Which errors make readiness doubt a model, and what it then asks of it. A transport plays what Triton says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing

import grpc
import grpc.aio
import pytest
from tritonclient.grpc import service_pb2 as pb

from proxy.engines.faults import REFUSALS
from proxy.engines.transport import Transport
from proxy.engines.triton import TritonEngine
from proxy.errors import ForiiError
from tests.proxy.engines.test_tensors import GENERATION, tensors
from tests.proxy.engines.test_triton import said
from tests.recovery.asked import read_out

ROOM = GENERATION.max_tokens
NO_ROOM = "invalid_request: request_output_len must be at least 1, not 0"
Said = Sequence[pb.ModelStreamInferResponse | grpc.RpcError]


class PlayedCall:
    def __init__(self, messages: Said) -> None:
        self._messages = messages

    async def __aiter__(self) -> AsyncIterator[pb.ModelStreamInferResponse]:
        for message in self._messages:
            if isinstance(message, grpc.RpcError):
                raise message
            yield message

    def cancel(self) -> bool:
        return True


class Played(Transport):
    """says: what Triton answers to a room. rooms: what it was asked for."""

    def __init__(self) -> None:
        super().__init__("nowhere:1")
        self.says: dict[int, Said] = {ROOM: [said(5), said(final=True)], 0: [said(error=NO_ROOM)], 1: [said(5)]}
        self.rooms: list[int] = []

    def stream(self, request: pb.ModelInferRequest) -> PlayedCall:
        (room,) = tensors(request)["request_output_len"][2]
        assert isinstance(room, int)
        self.rooms.append(room)
        return PlayedCall(self.says[room])


@pytest.fixture
def triton(monkeypatch: pytest.MonkeyPatch) -> Played:
    played = Played()
    monkeypatch.setattr("proxy.engines.triton.Transport", lambda _: played)
    monkeypatch.setattr("proxy.engines.readiness._FRESH_SECONDS", -1.0)
    return played


@pytest.fixture
def engine(triton: Played) -> TritonEngine:
    return TritonEngine("nowhere:1")


async def fail(engine: TritonEngine) -> None:
    """An answer that must not go well."""
    with pytest.raises(ForiiError):
        await read_out(engine.generate(GENERATION))


def broken(code: grpc.StatusCode, details: str) -> grpc.RpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(
    "as_said",
    [
        lambda text: said(error=f"[request id: 1] {text} too bad"),
        lambda text: broken(grpc.StatusCode.INVALID_ARGUMENT, text),
    ],
    ids=["message", "status"],
)
async def test_a_request_that_is_refused_says_nothing_against_the_model(
    engine: TritonEngine, triton: Played, refusal: str, as_said: Callable[[str], pb.ModelStreamInferResponse]
) -> None:
    triton.says[ROOM] = [as_said(refusal)]
    await fail(engine)
    assert await engine.ready("m")
    assert triton.rooms == [ROOM, 0]


@pytest.mark.parametrize(
    "failure",
    [
        said(error="engine_failed: the pipeline is unsupported: it is gone"),
        said(error="Stub process 'm_0_0' is not healthy."),
        said(error="a text that nobody has heard of"),
        broken(grpc.StatusCode.INTERNAL, "lost"),
    ],
)
async def test_a_model_that_failed_is_ready_once_it_writes(
    engine: TritonEngine, triton: Played, failure: pb.ModelStreamInferResponse | grpc.RpcError
) -> None:
    triton.says |= {ROOM: [said(5), failure], 1: [failure]}
    await fail(engine)
    assert not await engine.ready("m")
    triton.says[1] = [said(5)]
    assert await engine.ready("m")
    assert await engine.ready("m")
    assert triton.rooms == [ROOM, 1, 1, 0]


async def test_one_token_is_trust_though_the_answer_goes_on(engine: TritonEngine, triton: Played) -> None:
    triton.says |= {ROOM: [said(error="engine_failed: oh")], 1: [said(error="engine_failed: oh")]}
    await fail(engine)
    triton.says[ROOM] = [said(5), said(6)]
    async with aclosing(engine.generate(GENERATION)) as stream:
        await anext(stream)
        assert await engine.ready("m")
    assert triton.rooms == [ROOM, ROOM, 0]


@pytest.mark.parametrize(("writes", "ready"), [([said(5)], True), ([said(error="what?")], False), ([], False)])
async def test_unknown_words_are_no_sign_of_life_but_a_token_is(
    engine: TritonEngine, triton: Played, writes: Said, ready: bool
) -> None:
    triton.says |= {0: [said(error="Assertion failed: a room of 0")], 1: writes}
    assert await engine.ready("m") is ready
    assert triton.rooms == [0, 1]


async def test_a_stream_that_ends_at_once_is_no_sign_of_life(engine: TritonEngine, triton: Played) -> None:
    triton.says |= {0: [], 1: []}
    assert not await engine.ready("m")
