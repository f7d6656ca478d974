"""An engine in the proxy's own process that plays what it is told, for tests of all that stands on an engine.

::

    engine = ScriptedEngine(lambda generation: [Tokens((5, 6)), 0.01, Tokens((7,), finish="stop")])

A script is a function from a Generation to what is played: Tokens to give out, a float to sleep for that many
seconds, an exception to raise.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Iterable

import numpy as np

from ..generation import FinishReason, Generation, Tokens
from .logits import Rows, log_probs

Script = Callable[[Generation], Iterable[Tokens | float | Exception]]

_LOG_PROB = -0.5
# An echo's logits: the probabilities of the prompt's id and of the four after it; all others share what is left.
_CHANCES = (math.exp(_LOG_PROB), 0.2, 0.1, 0.05, 0.02)


class ScriptedEngine:
    """Plays the script. ``asked`` is every Generation so far, ``running`` how many play now, ``cancelled`` how
    many were closed before their end."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[Generation] = []
        self.running = 0
        self.cancelled = 0
        self.is_ready = True

    async def generate(self, generation: Generation) -> AsyncGenerator[Tokens, None]:
        self.asked.append(generation)
        self.running += 1
        ended = False
        try:
            for step in self._script(generation):
                if isinstance(step, Exception):
                    ended = True
                    raise step
                if isinstance(step, Tokens):
                    ended = step.finish is not None
                    yield step
                else:
                    await asyncio.sleep(step)
        finally:
            self.running -= 1
            self.cancelled += not ended

    async def ready(self, model: str) -> bool:
        return self.is_ready

    async def close(self) -> None:
        self.is_ready = False


def echo(generation: Generation) -> Iterable[Tokens]:
    """A script: the prompt's own ids again and again, one at a time, until the room is used up or an end id
    comes; with a bias, the most likely ids in their place. Obeys the contract in everything, so the suite that
    every engine must pass can run on it."""
    produced: list[int] = []
    finish: FinishReason | None = None
    while finish is None:
        token, row = _played(generation.prompt[len(produced) % len(generation.prompt)], generation)
        ended = token in generation.end_ids
        if not ended:
            produced.append(token)
        if ended or _ends_with_stop(produced, generation.stop_words):
            finish = "stop"
        elif len(produced) == generation.max_tokens:
            finish = "length"
        yield Tokens((), (), finish) if ended else _echoed(token, row, generation, finish)


def _ends_with_stop(produced: list[int], stop_words: tuple[tuple[int, ...], ...]) -> bool:
    return any(tuple(produced[-len(word) :]) == word for word in stop_words)


def _played(token: int, generation: Generation) -> tuple[int, Rows | None]:
    """The id that is played for the prompt's, and its logits if the generation has to do with any: a row that
    depends on the prompt's id alone."""
    if not generation.top_log_probs and not generation.logit_bias:
        return token, None
    size = generation.vocab_size
    row = np.full(size, math.log((1 - sum(_CHANCES)) / (size - len(_CHANCES))), dtype=np.float32)
    for place, chance in enumerate(_CHANCES):
        row[(token + place) % size] = math.log(chance)
    biased = row.copy()
    for other, value in generation.logit_bias.items():
        biased[other] += value
    return int(biased.argmax()), row[None]


def _echoed(token: int, row: Rows | None, generation: Generation, finish: FinishReason | None) -> Tokens:
    if not generation.log_probs:
        return Tokens((token,), (), finish)
    if row is None:
        return Tokens((token,), (_LOG_PROB,), finish)
    chosen, top = log_probs(row, [token], generation.top_log_probs or 1)
    return Tokens((token,), chosen, finish, top_log_probs=top if generation.top_log_probs else ())
