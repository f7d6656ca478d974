"""The plain runtime on the default model: what is left of a long sequence when it is over."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import psutil
from pipeline import PRECISIONS
from runtime import Logits, Runtime

from build_engines.recipe import Manifest

PIECE = 32
PIECES = 40
STATE_BYTES = PIECE * PIECES * 30 * 2 * 3 * 64 * 4  # layers, keys and values, heads, their size, float32


def resident() -> int:
    memory: int = psutil.Process().memory_info().rss
    return memory


def feed(runtime: Runtime, ids: list[int]) -> Logits:
    while not runtime.ready():
        time.sleep(0.01)
    return runtime.feed(ids).copy()


def test_a_long_sequence_leaves_neither_memory_nor_a_trace(built_model: Path, manifest: Manifest) -> None:
    model = built_model / "repository" / manifest.triton_model / "1/engine/openvino_model.xml"
    runtime = Runtime(model, PRECISIONS["exact"])
    first = feed(runtime, [1, 4093, 198])
    for _ in range(2):
        runtime.forget()
        feed(runtime, [1])
        before = resident()
        for piece in range(PIECES):
            feed(runtime, [100 + piece] * PIECE)
        taken = resident() - before
        assert taken > STATE_BYTES / 2
        runtime.forget()
        again = feed(runtime, [1, 4093, 198])
        assert resident() - before < taken / 3
        assert np.abs(again - first).max() < 1e-3
