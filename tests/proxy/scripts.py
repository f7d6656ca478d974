"""Scripts for the ScriptedEngine, over the byte model: a text's ids are its bytes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from proxy.engines.scripted import Script
from proxy.generation import FinishReason, Generation, Tokens

LOG_PROB = -0.25


def tokens(data: bytes, generation: Generation, finish: FinishReason | None = None) -> Tokens:
    return Tokens(tuple(data), (LOG_PROB,) * len(data) if generation.log_probs else (), finish)


def says(*texts: str, finish: FinishReason = "stop", pause: float = 0.0) -> Script:
    """Sample i says texts[i] (and so on, round and round), a byte at a time with a pause before each."""
    turns = itertools.count()

    def script(generation: Generation) -> Iterable[Tokens | float]:
        for byte in texts[next(turns) % len(texts)].encode():
            if pause:
                yield pause
            yield tokens(bytes([byte]), generation)
        yield Tokens((), (), finish)

    return script


def never_ends(pause: float = 0.005) -> Script:
    """Goes on with the letter a until it is closed."""

    def script(generation: Generation) -> Iterator[Tokens | float]:
        while True:
            yield pause
            yield tokens(b"a", generation)

    return script
