"""Draws the ids of one sequence from logits, with the meaning that the pipeline gives to each setting.

In this order: the request's bias, the repetition penalty on every id of prompt and answer, the presence and
frequency penalties on the ids of the answer; then the largest (greedy), or a draw at the temperature among the ids
that top-p and top-k leave. The draws are not the pipeline's: a seed repeats here what it gave here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from request import Request

Row = npt.NDArray[np.float32]  # [vocabulary]


class Sampler:
    """Sees every id of one request's answer. vocab_size: how long the rows of logits are."""

    def __init__(self, request: Request, vocab_size: int) -> None:
        self._request = request
        self._random = np.random.default_rng(request.seed)
        self._seen = np.zeros(vocab_size, dtype=np.bool_)  # in prompt or answer
        self._seen[request.ids] = True
        self._counts = np.zeros(vocab_size, dtype=np.float32)  # in the answer

    def draw(self, logits: Row) -> int:
        """The next id; logits stay as they are."""
        row = self._penalized(logits)
        token = int(row.argmax()) if self._request.greedy else self._sampled(row)
        self._seen[token] = True
        self._counts[token] += 1
        return token

    def _penalized(self, logits: Row) -> Row:
        request = self._request
        row = logits.copy() if request.bias is None else logits + request.bias
        if request.repetition_penalty != 1.0:
            seen = row[self._seen]
            factor = np.float32(request.repetition_penalty)
            row[self._seen] = np.where(seen > 0, seen / factor, seen * factor)
        if request.presence_penalty or request.frequency_penalty:
            row -= request.frequency_penalty * self._counts + request.presence_penalty * (self._counts > 0)
        return row

    def _sampled(self, row: Row) -> int:
        scaled = (row - row.max()).astype(np.float64) / self._request.temperature
        weights = np.exp(scaled)
        ids = self._candidates(weights)
        chances = (weights if ids is None else weights[ids]).cumsum()
        place = int(chances.searchsorted(self._random.random() * chances[-1], side="right"))
        place = min(place, len(chances) - 1)  # a product that was rounded up to the whole
        return place if ids is None else int(ids[place])

    def _candidates(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.intp] | None:
        """The ids that top-p and top-k leave, most likely first; None for all there are. Top-p is of the whole
        distribution: as few ids as reach it together."""
        top_k, top_p = self._request.top_k, self._request.top_p
        if top_p >= 1.0 and not top_k:
            return None
        order = (-weights).argsort(kind="stable")
        kept = len(order)
        if top_p < 1.0:
            chances = weights[order].cumsum()
            kept = int(chances.searchsorted(top_p * chances[-1])) + 1
        return order[: min(kept, top_k or kept)]


def log_prob(row: Row, token: int) -> float:
    """The natural logarithm of the id's probability in a row of raw logits."""
    most = row.max()
    return float(row[token] - most - np.log(np.exp(row - most).sum(dtype=np.float64)))
