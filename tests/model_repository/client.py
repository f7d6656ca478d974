"""A client of the token contract at the level of tensors: token ids and named values in, responses out.

``ask`` reads an answer to its end, ``stream`` hands out its responses as they come and can be left early.
"""

from __future__ import annotations

import itertools
import queue
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol

import grpc
import numpy as np
import numpy.typing as npt
from tritonclient.grpc import service_pb2, service_pb2_grpc

Value = bool | int | float | str | bytes | npt.NDArray[np.generic]

_DTYPES: dict[str, type[np.generic]] = {
    "temperature": np.float32,
    "runtime_top_p": np.float32,
    "repetition_penalty": np.float32,
    "presence_penalty": np.float32,
    "frequency_penalty": np.float32,
    "seed": np.uint64,
    "streaming": np.bool_,
    "return_log_probs": np.bool_,
    "return_generation_logits": np.bool_,
    "return_perf_metrics": np.bool_,
}
_TRITON = {"int32": "INT32", "uint64": "UINT64", "float32": "FP32", "bool": "BOOL"}
_NUMPY = {"INT32": np.int32, "FP32": np.float32}
_NOTHING = np.zeros(0)
_numbers = itertools.count(1)


class Reply:
    """One response. ids: new ones. log_probs: of the whole answer so far. final: none follows."""

    def __init__(self, message: service_pb2.ModelStreamInferResponse) -> None:
        self.error: str = message.error_message
        response = message.infer_response
        self.final = bool(self.error) or response.parameters["triton_final_response"].bool_param
        self.tensors = {
            output.name: np.frombuffer(raw, _NUMPY[output.datatype]).reshape(output.shape)
            for output, raw in zip(response.outputs, response.raw_output_contents, strict=True)
        }
        self.at = time.monotonic()

    @property
    def ids(self) -> list[int]:
        return [int(token) for token in self.tensors.get("output_ids", _NOTHING).reshape(-1)]

    @property
    def log_probs(self) -> list[float]:
        return [float(value) for value in self.tensors.get("output_log_probs", _NOTHING).reshape(-1)]


class Answer:
    """All responses of one request."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self.replies = replies
        self.ids = [token for reply in replies for token in reply.ids]
        self.log_probs = replies[-1].log_probs
        self.error = replies[-1].error
        self.ended_at = replies[-1].at


class _Call(Protocol):
    def __iter__(self) -> Iterator[service_pb2.ModelStreamInferResponse]: ...

    def cancel(self) -> bool: ...


class Stream:
    """The responses of one request as they come; leaving the `with` block cancels it."""

    def __init__(self, start: Callable[[Iterator[object]], _Call], request: object) -> None:
        self._requests: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._requests.put(request)
        self._call = start(iter(self._requests.get, None))

    def __iter__(self) -> Iterator[Reply]:
        for message in self._call:
            reply = Reply(message)
            if reply.final:
                self._requests.put(None)
            yield reply

    def cancel(self) -> None:
        self._call.cancel()
        self._requests.put(None)

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()


class TokenClient:
    """Talks to one model of a Triton; as a context manager it closes its channel."""

    def __init__(self, address: str, model: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self.model = model

    def stream(self, ids: Sequence[int], room: int, **values: Value) -> Stream:
        return Stream(self._stub.ModelStreamInfer, self._request(ids, room, values))

    def ask(self, ids: Sequence[int], room: int, **values: Value) -> Answer:
        return Answer(list(self.stream(ids, room, **values)))

    def __enter__(self) -> TokenClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def _request(self, ids: Sequence[int], room: int, values: dict[str, Value]) -> object:
        request = service_pb2.ModelInferRequest(model_name=self.model, id=str(next(_numbers)))
        request.parameters["triton_enable_empty_final_response"].bool_param = True
        fixed: dict[str, Value] = {
            "input_ids": np.array([list(ids)], dtype=np.int32),
            "input_lengths": len(ids),
            "request_output_len": room,
            "streaming": True,
        }
        for name, value in (fixed | values).items():
            _add(request, name, value)
        return request


def stop_words(*words: Sequence[int]) -> npt.NDArray[np.int32]:
    """The tensor ``stop_words_list`` of some words."""
    ids = [token for word in words for token in word]
    ends = list(itertools.accumulate(map(len, words)))
    return np.array([[ids, ends + [-1] * (len(ids) - len(ends))]], dtype=np.int32)


def metric(url: str, name: str, model: str) -> float:
    """The value of a metric of one model on Triton's Prometheus page."""
    with urllib.request.urlopen(url) as page:
        for line in page.read().decode().splitlines():
            if line.startswith(f'{name}{{model="{model}"}}'):
                return float(line.split()[-1])
    raise AssertionError(f"{name} of {model} is not on {url}")


def _add(request: service_pb2.ModelInferRequest, name: str, value: Value) -> None:
    tensor = request.inputs.add(name=name)
    if isinstance(value, str | bytes):
        text = value.encode() if isinstance(value, str) else value
        shape: tuple[int, ...] = (1, 1)
        tensor.datatype, raw = "BYTES", len(text).to_bytes(4, "little") + text
    else:
        array = value if isinstance(value, np.ndarray) else np.array([[value]], _DTYPES.get(name, np.int32))
        shape = array.shape
        tensor.datatype, raw = _TRITON[array.dtype.name], array.tobytes()
    tensor.shape.extend(shape)
    request.raw_input_contents.append(raw)
