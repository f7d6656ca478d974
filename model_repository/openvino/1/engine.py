"""OpenVINO as one engine of the batch: the pipeline for everybody, the lane beside it for who needs logits.

Both are stepped by one thread. While others are in the pipeline the lane gets a quarter of the time, so that their
ids keep nearly their pace.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from lane import Drawing, Lane, Scoring
from piece import Piece
from pipeline import PRECISIONS, PipelineEngine
from request import Refusal, Request
from runtime import Runtime

# The time that the pipeline gets after a step of the lane, in units of that step: where the pipeline works for
# others too, and where it only works ahead of the lane.
_REST, _AHEAD = 3.0, 1.0


class OpenVinoEngine:
    """folder: the model's version folder. parameters: see PipelineEngine."""

    def __init__(self, folder: Path, parameters: dict[str, str]) -> None:
        self._pipeline = PipelineEngine(folder, parameters)
        precision = PRECISIONS[parameters["precision"]]
        self._lane = Lane(Runtime(folder / "engine/openvino_model.xml", precision))
        self._lane_at = 0.0

    def add(self, key: int, request: Request) -> None:
        if request.bias is None:
            self._pipeline.add(key, request)
            if request.logits:
                self._lane.add(Scoring(key, request))
        elif request.guide is None:
            self._lane.add(Drawing(key, request))
        else:
            raise Refusal("unsupported: embedding_bias together with a guide is not available on this engine")

    def remove(self, key: int) -> None:
        self._lane.remove(key)
        self._pipeline.remove(key)

    def step(self) -> Iterator[Piece]:
        for piece in self._pipeline.step():
            scoring = self._lane.scoring(piece.key)
            if scoring is None or piece.error is not None:
                yield piece
            else:
                yield from scoring.hear(piece)
        if self._lane.pause() == 0 and self._is_lanes_turn():
            started = time.monotonic()
            yield from self._lane.step()
            ended = time.monotonic()
            others = any(self._lane.scoring(key) is None for key in self._pipeline.keys)
            self._lane_at = ended + (_REST if others else _AHEAD) * (ended - started)

    def pause(self) -> float | None:
        pauses = [pause for pause in (self._pipeline.pause(), self._lane.pause()) if pause is not None]
        return min(pauses, default=None)

    def _is_lanes_turn(self) -> bool:
        return self._pipeline.pause() is None or time.monotonic() >= self._lane_at
