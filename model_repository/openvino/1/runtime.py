"""The plain OpenVINO runtime over the IR that the pipeline runs: ids in, the logits of what may follow out.

One sequence at a time, a piece of any length after the other: the model keeps the sequence in its state (inputs
``input_ids``, ``attention_mask``, ``position_ids``, ``beam_idx``, output ``logits``), which takes twice what the
pipeline's KV cache would for it. It holds the weights a second time, in the layout that this way of running needs;
so nothing is compiled before it is first needed, and then in a thread of its own: that takes a second or two.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import triton_python_backend_utils as pb_utils
from unobserved import openvino

# OpenVINO makes its kernels when it first meets a shape of their kind: many rows, a few, one.
_WARM_UP = (32, 8, 1)
_KEPT = 1024  # tokens of a sequence up to which its memory is kept for the next one

Logits = npt.NDArray[np.float32]  # [rows, vocabulary]


class Runtime:
    """model: the file openvino_model.xml. config: OpenVINO's properties for it."""

    def __init__(self, model: Path, config: Mapping[str, str | int]) -> None:
        self._model = model
        self._config = config
        self._length = 0
        self._compiler = ThreadPoolExecutor(1, thread_name_prefix="compile")
        self._compiled: Future[openvino.InferRequest] | None = None

    def ready(self) -> bool:
        """Whether `feed` will not wait for the compilation, which the first question starts."""
        if self._compiled is None:
            self._compiled = self._compiler.submit(self._compile)
        return self._compiled.done()

    def feed(self, ids: Sequence[int]) -> Logits:
        """Appends ids to the sequence. Returns a row for each: the logits of its successor, as the model gives
        them; the next call overwrites the array. Raises RuntimeError, also for a compilation that failed; after
        that only `discard` makes sense."""
        assert self._compiled is not None, "ready() was not asked"
        infer = self._compiled.result()
        # Not with share_inputs: arrays that are gone by the time the next request is made corrupt the heap.
        infer.infer(_inputs(ids, self._length))
        self._length += len(ids)
        rows: Logits = infer.get_tensor("logits").data[0]
        return rows

    def forget(self) -> None:
        """The next ids begin a new sequence. What a long one took is given back, by the thread that compiles."""
        length, self._length = self._length, 0
        if not length or self._compiled is None:
            return
        infer = self._compiled.result()
        if length <= _KEPT:
            infer.reset_state()
            return
        model = infer.get_compiled_model()
        self._compiled = None
        del infer  # with it goes its state
        self._compiled = self._compiler.submit(_fresh, model)

    def discard(self) -> None:
        """Lets go of everything; who next asks whether it is ready starts anew."""
        self._length = 0
        self._compiled = None

    def _compile(self) -> openvino.InferRequest:
        started = time.monotonic()
        compiled = openvino.Core().compile_model(str(self._model), "CPU", dict(self._config))
        infer = _fresh(compiled, _WARM_UP)
        seconds = time.monotonic() - started
        pb_utils.Logger.log_info(
            f"the first request that needs logits is here: a runtime for such was compiled in {seconds:.1f} s"
        )
        return infer


def _fresh(model: openvino.CompiledModel, rows: Sequence[int] = (1,)) -> openvino.InferRequest:
    """A request without a state. The model lets go of the state of the one before when this one first runs, and
    the C library of what it has when it is told to."""
    infer = model.create_infer_request()
    for count in rows:
        infer.infer(_inputs([0] * count, 0))
        infer.reset_state()
    ctypes.CDLL(None).malloc_trim(0)
    return infer


def _inputs(ids: Sequence[int], start: int) -> dict[str, npt.NDArray[np.generic]]:
    """What the model reads of ids that follow `start` others."""
    end = start + len(ids)
    return {
        "input_ids": np.array([ids], dtype=np.int64),
        "attention_mask": np.ones((1, end), dtype=np.int64),
        "position_ids": np.arange(start, end, dtype=np.int64)[None],
        "beam_idx": np.zeros(1, dtype=np.int32),
    }
