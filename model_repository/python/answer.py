"""The answer to one request: ids as the engine makes them in, responses of the token contract out.

One response per step of the engine; the last one carries Triton's final flag and may hold no id. The id that
ends an answer is never sent, a stop word is, and nothing after either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import triton_python_backend_utils as pb_utils
from piece import Piece
from request import Request
from stop_words import StopWatch

_FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class Sender(Protocol):
    """Triton's response sender."""

    def send(self, response: pb_utils.InferenceResponse | None = None, flags: int = 0) -> None: ...

    def is_cancelled(self) -> bool: ...


class Answer:
    """Sends what belongs to `request` and knows when it is over."""

    def __init__(self, request: Request, sender: Sender) -> None:
        self.request = request
        self._sender = sender
        self._stops = StopWatch(request.stop_words)
        self._room = request.room
        self._log_probs: npt.NDArray[np.float32] = np.empty(request.room if request.log_probs else 0, np.float32)
        self._scored = 0

    def send(self, piece: Piece) -> bool:
        """Sends the next ids, with their log-probs and logits where the request wants them. Returns whether the
        answer is over: by the engine, by its end id, by a stop word, or because the room is used up."""
        taken, over = self._take(piece.ids)
        over = over or piece.ended
        if self.request.log_probs:
            self._log_probs[self._scored : self._scored + taken] = piece.log_probs[:taken]
            self._scored += taken
        if taken or over:
            self._sender.send(self._response(piece, taken, over), flags=_FINAL if over else 0)
        return over

    def fail(self, text: str) -> None:
        """Ends the answer with an error."""
        send_error(self._sender, text)

    def is_cancelled(self) -> bool:
        """Whether the client has gone (asks Triton: about 0.1 ms)."""
        return self._sender.is_cancelled()

    def close(self) -> None:
        """Ends the answer where nobody listens any more."""
        self._sender.send(flags=_FINAL)

    def _take(self, ids: Sequence[int]) -> tuple[int, bool]:
        """How many of the ids belong to the answer, and whether they end it."""
        for taken, token in enumerate(ids):
            if token == self.request.end_id:
                return taken, True
            self._room -= 1
            if self._stops.feed(token) or self._room == 0:
                return taken + 1, True
        return len(ids), False

    def _response(self, piece: Piece, taken: int, last: bool) -> pb_utils.InferenceResponse:
        tensors = [
            pb_utils.Tensor("output_ids", np.array([[piece.ids[:taken]]], dtype=np.int32)),
            pb_utils.Tensor("sequence_length", np.array([[taken]], dtype=np.int32)),
        ]
        if self.request.log_probs:
            tensors.append(pb_utils.Tensor("output_log_probs", self._log_probs[None, None, : self._scored]))
        if piece.logits is not None and taken:
            # As the TensorRT-LLM backend streams them: steps, beams, vocabulary.
            tensors.append(pb_utils.Tensor("generation_logits", piece.logits[None, :taken, None]))
        if self.request.perf_metrics and last:
            # Neither Python engine can tell how much of a prompt its cache held.
            tensors.append(pb_utils.Tensor("kv_cache_reused_blocks", np.zeros((1, 1), dtype=np.int32)))
        return pb_utils.InferenceResponse(output_tensors=tensors)


def send_error(sender: Sender, text: str) -> None:
    """Answers with nothing but an error whose text starts with one of the contract's tokens."""
    sender.send(pb_utils.InferenceResponse(error=pb_utils.TritonError(text)), flags=_FINAL)
