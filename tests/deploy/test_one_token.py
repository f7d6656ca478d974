"""The health check, against the real Triton with the real model, and against what is not well."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from tritonclient.grpc import service_pb2

from build_engines.recipe import load_manifest
from deploy.one_token import main, one_token
from launcher.triton import EmbeddedTriton


def options(address: str, build: Path) -> list[str]:
    return ["--address", address, "--build", str(build), "--seconds", "10"]


def test_a_model_that_answers_is_well(
    triton: EmbeddedTriton, built_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options(triton.grpc_address, built_model)) == 0
    assert capsys.readouterr().out == "forii-smollm2-135m answers\n"


def reply(ids: int, final: bool = False) -> service_pb2.ModelStreamInferResponse:
    message = service_pb2.ModelStreamInferResponse()
    message.infer_response.parameters["triton_final_response"].bool_param = final
    message.infer_response.outputs.add(name="sequence_length", datatype="INT32", shape=[1, 1])
    message.infer_response.raw_output_contents.append(struct.pack("<i", ids))
    return message


class StandIn:
    """Answers every request with the same replies, and keeps the requests."""

    def __init__(self, replies: list[service_pb2.ModelStreamInferResponse]) -> None:
        self.replies = replies
        self.requests: list[service_pb2.ModelInferRequest] = []

    def answer(
        self, requests: Iterator[service_pb2.ModelInferRequest], context: grpc.ServicerContext
    ) -> Iterator[service_pb2.ModelStreamInferResponse]:
        self.requests.append(next(requests))
        yield from self.replies


@contextmanager
def serving(stand_in: StandIn) -> Iterator[str]:
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)
        method = grpc.stream_stream_rpc_method_handler(
            stand_in.answer,
            service_pb2.ModelInferRequest.FromString,
            service_pb2.ModelStreamInferResponse.SerializeToString,
        )
        handlers = {"ModelStreamInfer": method}
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()


@pytest.mark.parametrize("replies", [[reply(1, final=True)], [reply(1), reply(0, final=True)]])
def test_one_token_and_the_end_is_well(
    replies: list[service_pb2.ModelStreamInferResponse], built_model: Path
) -> None:
    stand_in = StandIn(replies)
    with serving(stand_in) as address:
        assert main(options(address, built_model)) == 0
    (request,) = stand_in.requests
    sent = dict(zip([tensor.name for tensor in request.inputs], request.raw_input_contents, strict=True))
    assert sent["request_output_len"] == struct.pack("<i", 1)
    assert sent["end_id"] == struct.pack("<i", -1), "no id ends the answer before its first token"


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ([], "0 tokens came, not 1"),
        ([reply(0, final=True)], "0 tokens came, not 1"),
        ([reply(1)], "one token came, and no final response"),
        ([reply(1), reply(1, final=True)], "2 tokens came, not 1"),
    ],
)
def test_anything_else_is_not_well(
    replies: list[service_pb2.ModelStreamInferResponse],
    said: str,
    built_model: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(StandIn(replies)) as address:
        assert main(options(address, built_model)) == 1
    assert capsys.readouterr().err == f"{said}\n"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Maximum queue size of 256 has been reached, please try again later", 0),
        ("unable to launch a kernel", 1),
    ],
)
def test_a_full_queue_is_alive(
    text: str, status: int, built_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(StandIn([service_pb2.ModelStreamInferResponse(error_message=text)])) as address:
        assert main(options(address, built_model)) == status
    said = capsys.readouterr()
    assert text in (said.err if status else said.out)


def test_a_model_that_is_not_there_is_not_well(
    triton: EmbeddedTriton, built_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = load_manifest(built_model).model_copy(update={"triton_model": "nobody"})
    with pytest.raises(RuntimeError, match="nobody"):
        one_token(triton.grpc_address, manifest, 10)
    assert main(options(triton.grpc_address, built_model / "tokenizer")) == 1
    assert "holds no finished build" in capsys.readouterr().err


def test_no_server_is_not_well(built_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options("127.0.0.1:9", built_model)) == 1
    assert "127.0.0.1:9: UNAVAILABLE" in capsys.readouterr().err


def test_a_server_that_hangs_is_not_well(built_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        assert main(["--address", address, "--build", str(built_model), "--seconds", "1"]) == 1
    assert "DEADLINE_EXCEEDED" in capsys.readouterr().err
