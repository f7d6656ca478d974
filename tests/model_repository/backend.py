"""Stands in for Triton's ``triton_python_backend_utils``, which exists only inside a model process: what the
models use of it, holding what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

TRITONSERVER_RESPONSE_COMPLETE_FINAL = 1


@dataclass
class Tensor:
    name: str
    array: npt.NDArray[np.generic]


@dataclass
class TritonError:
    text: str


@dataclass
class InferenceResponse:
    output_tensors: list[Tensor] = field(default_factory=list)
    error: TritonError | None = None

    def ids(self) -> list[int]:
        return [int(token) for tensor in self.output_tensors[:1] for token in tensor.array.reshape(-1)]


@dataclass
class Sender:
    """Keeps every response and its flags."""

    sent: list[tuple[InferenceResponse | None, int]] = field(default_factory=list)
    cancelled: bool = False

    def send(self, response: InferenceResponse | None = None, flags: int = 0) -> None:
        self.sent.append((response, flags))

    def is_cancelled(self) -> bool:
        return self.cancelled


class Logger:
    @staticmethod
    def log_info(text: str) -> None: ...

    @staticmethod
    def log_warn(text: str) -> None: ...

    @staticmethod
    def log_error(text: str) -> None: ...
