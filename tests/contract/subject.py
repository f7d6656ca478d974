"""An engine under test, and what a test must know of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from proxy.engines.base import Engine
from proxy.generation import FinishReason, Generation, Tokens
from tests.deployed import DEPLOYED

IN_PROCESS, SCRIPTED_IN_TRITON, OPENVINO_IN_TRITON = "scripted", "scripted in Triton", "OpenVINO in Triton"
ELSEWHERE = "in a Triton elsewhere"
# The engines that the suite asks: all, those in a Triton, those that sample.
ENGINES = [IN_PROCESS, SCRIPTED_IN_TRITON, OPENVINO_IN_TRITON] if DEPLOYED is None else [ELSEWHERE]
IN_TRITON = [SCRIPTED_IN_TRITON, OPENVINO_IN_TRITON] if DEPLOYED is None else [ELSEWHERE]
SAMPLING = [OPENVINO_IN_TRITON] if DEPLOYED is None else [ELSEWHERE]


@dataclass(frozen=True)
class Subject:
    """plain: a greedy Generation whose answer is longer than 200 ids. ending: one whose answer ends by itself
    before its room is used up. context, vocab_size: what the engine bears. running: how many sequences it has,
    by its own count."""

    engine: Engine
    plain: Generation
    ending: Generation
    context: int
    vocab_size: int
    running: Callable[[], int]


@dataclass(frozen=True)
class Answer:
    """What a Generation came to."""

    items: list[Tokens]

    @property
    def ids(self) -> list[int]:
        return [token for item in self.items for token in item.ids]

    @property
    def log_probs(self) -> list[float]:
        return [value for item in self.items for value in item.log_probs]

    @property
    def finish(self) -> FinishReason | None:
        return self.items[-1].finish


def ask(generation: Generation, **changes: object) -> Generation:
    """The Generation with changes, under a request id of its own."""
    return replace(generation, request_id=secrets.token_hex(8), **changes)  # type: ignore[arg-type]


async def answer(engine: Engine, generation: Generation) -> Answer:
    async with aclosing(engine.generate(generation)) as stream:
        return Answer([item async for item in stream])
