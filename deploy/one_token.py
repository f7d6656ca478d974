"""``python3 -m deploy.one_token``: the health check. It asks the served model for one token over gRPC and exits
with 0 when just that comes, or when the server's queue is full, for then it works. Readiness does not tell: Triton
stays ready after the GPU has failed.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from build_engines.recipe import Manifest, RecipeError, load_manifest
from deploy.served import LINK

_FULL = "Maximum queue size"  # in what TensorRT-LLM's executor says of a full queue
_NO_END = -1


class Busy(Exception):
    """The server refuses the request because others wait."""


def one_token(address: str, manifest: Manifest, seconds: float) -> None:
    """Raises grpc.RpcError when there is no answer in time, Busy, and RuntimeError for an answer that is an error,
    has not one token or does not end."""
    given, final = 0, False
    with grpc.insecure_channel(address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        for reply in stub.ModelStreamInfer(iter([_request(manifest)]), timeout=seconds):
            if _FULL in reply.error_message:
                raise Busy(reply.error_message)
            if reply.error_message:
                raise RuntimeError(reply.error_message)
            given += _length(reply.infer_response)
            final = reply.infer_response.parameters["triton_final_response"].bool_param
            if final:
                break
    if given != 1:
        raise RuntimeError(f"{given} tokens came, not 1")
    if not final:
        raise RuntimeError("one token came, and no final response")


def _request(manifest: Manifest) -> service_pb2.ModelInferRequest:
    """The first end id as the prompt: every model knows it. No id ends the answer, so that one always comes."""
    tensors = {
        "input_ids": ("INT32", struct.pack("<i", manifest.end_ids[0])),
        "input_lengths": ("INT32", struct.pack("<i", 1)),
        "request_output_len": ("INT32", struct.pack("<i", 1)),
        "end_id": ("INT32", struct.pack("<i", _NO_END)),
        "pad_id": ("INT32", struct.pack("<i", manifest.pad_id)),
        "streaming": ("BOOL", b"\x01"),
        "temperature": ("FP32", struct.pack("<f", 1.0)),
        "runtime_top_k": ("INT32", struct.pack("<i", 1)),
        "runtime_top_p": ("FP32", struct.pack("<f", 1.0)),
        "seed": ("UINT64", struct.pack("<Q", 0)),
    }
    request = service_pb2.ModelInferRequest(model_name=manifest.triton_model, id="health")
    request.parameters["triton_enable_empty_final_response"].bool_param = True
    for name, (kind, data) in tensors.items():
        request.inputs.add(name=name, datatype=kind, shape=[1, 1])
        request.raw_input_contents.append(data)
    for name in ("output_ids", "sequence_length"):
        request.outputs.add(name=name)
    return request


def _length(response: service_pb2.ModelInferResponse) -> int:
    """The reply's ``sequence_length``; 0 for the empty last reply of some engines."""
    for tensor, data in zip(response.outputs, response.raw_output_contents, strict=True):
        if tensor.name == "sequence_length":
            return int(struct.unpack("<i", data[:4])[0])
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 1 for a model that does not answer."""
    options = _options(arguments)
    try:
        manifest = load_manifest(options.build)
        one_token(options.address, manifest, options.seconds)
    except Busy as error:
        sys.stdout.write(f"{manifest.triton_model} is busy: {error}\n")
        return 0
    except grpc.RpcError as error:
        sys.stderr.write(f"{options.address}: {error.code().name}: {error.details()}\n")
        return 1
    except (RecipeError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{manifest.triton_model} answers\n")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.one_token", description="Asks for one token.")
    parser.add_argument("--address", default="127.0.0.1:8001", metavar="HOST:PORT", help="of Triton's gRPC")
    parser.add_argument("--build", type=Path, default=Path("/var/lib/forii", LINK), metavar="DIR")
    parser.add_argument("--seconds", type=float, default=15, help="how long the answer may take")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
