"""An engine in the proxy's own process that plays what it is told, for tests of all that stands on an engine.

::

    engine = ScriptedEngine(lambda generation: [Tokens((5, 6)), 0.01, Tokens((7,), finish="stop")])

A script is a function from a Generation to what is played: Tokens to give out, a float to sleep for that many
seconds, an exception to raise.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable

from ..generation import FinishReason, Generation, Tokens

Script = Callable[[Generation], Iterable[Tokens | float | Exception]]


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
    comes. Obeys the contract in everything, so the suite that every engine must pass can run on it."""
    produced: list[int] = []
    finish: FinishReason | None = None
    while finish is None:
        token = generation.prompt[len(produced) % len(generation.prompt)]
        ended = token in generation.end_ids
        if not ended:
            produced.append(token)
        if ended or _ends_with_stop(produced, generation.stop_words):
            finish = "stop"
        elif len(produced) == generation.max_tokens:
            finish = "length"
        new = () if ended else (token,)
        yield Tokens(new, (-0.5,) * len(new) if generation.log_probs else (), finish)


def _ends_with_stop(produced: list[int], stop_words: tuple[tuple[int, ...], ...]) -> bool:
    return any(tuple(produced[-len(word) :]) == word for word in stop_words)
