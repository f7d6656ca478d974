"""One sample of an answer, from the engine's tokens to events: generated again until it keeps its constraint.

A guide binds the model while it writes. Still, an answer that ends with "stop" is always checked: a guide may let
through what the schema forbids (such an answer is buffered until it has passed), and an engine may be wrong. One
that fails is thrown away and generated anew, as long as nothing of it was shown.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from .choice import Choice
from .constraint import Constraint
from .engines.base import Engine
from .errors import GuideRefused, StructuredOutputFailed
from .events import Content, Done, Event
from .generation import Generation
from .metrics import RequestMetrics

# Keeps the seeds of retries apart from one another and from those of the other samples, which count up (Fibonacci
# hashing, Knuth's TAOCP 3, 6.4).
_NEXT_SEED = 0x9E3779B97F4A7C15
_WARMER = 0.25  # of temperature, each time
_WIDER = 0.9  # the least top_p
_SHOWN = 300  # characters of a violation, which may quote the answer
_PIECE = 64  # events of a buffered answer that are sent before others get their turn


def again(generation: Generation, number: int) -> Generation:
    """The generation for the retry of this number; the first time is number 0. The same seed leads to the same
    retries. What is greedy, or nearly so, would say the same again, so it is let loose step by step."""
    if not number:
        return generation
    sampling = generation.sampling
    return replace(
        generation,
        request_id=secrets.token_hex(16),
        seed=(generation.seed + number * _NEXT_SEED) % 2**64,
        sampling=replace(
            sampling,
            temperature=max(sampling.temperature, min(1.0, number * _WARMER)),
            top_k=0 if sampling.top_k == 1 else sampling.top_k,
            top_p=max(sampling.top_p, _WIDER),
        ),
    )


class _Violated(Exception):
    """An attempt that broke its constraint; the text says how."""


class Sample:
    """begin: makes the Choice of an attempt. choice: of the one that runs, or ran last."""

    def __init__(
        self,
        generation: Generation,
        begin: Callable[[], Choice],
        constraint: Constraint | None,
        engine: Engine,
        metrics: RequestMetrics,
    ) -> None:
        self.choice = begin()
        self._generation = generation
        self._begin = begin
        self._constraint = constraint
        self._engine = engine
        self._metrics = metrics
        self._timer = metrics.sample()

    def events(self) -> AsyncGenerator[list[Event], None]:
        """The events as they can be shown; the last list ends with Done. Raises StructuredOutputFailed, and what
        the engine raises."""
        if self._constraint is None:
            return self._attempt(self._generation)
        return self._attempts(self._constraint)

    async def _attempts(self, constraint: Constraint) -> AsyncGenerator[list[Event], None]:
        first = ""
        for number in range(constraint.retries + 1):
            if number:
                self.choice = self._begin()
            trial = _Trial(constraint)
            try:
                async with aclosing(self._attempt(again(self._generation, number))) as attempt:
                    async for events in attempt:
                        shown = await trial.hear(events, cut=self.choice.cut)
                        for start in range(0, len(shown), _PIECE):
                            yield shown[start : start + _PIECE]
                            if start + _PIECE < len(shown):
                                await asyncio.sleep(0)
                return
            except GuideRefused:
                self._metrics.guide_refused()
                raise
            except _Violated as violated:
                self._metrics.retried(self.choice.tokens)
                first = first or str(violated)
                if trial.shown:
                    break
        raise StructuredOutputFailed(
            f"No answer conformed to the schema: {first[:_SHOWN]}. Send the request again, or make the schema"
            " easier to fulfil."
        )

    async def _attempt(self, generation: Generation) -> AsyncGenerator[list[Event], None]:
        choice = self.choice
        async with aclosing(self._engine.generate(generation)) as stream:
            async for tokens in stream:
                self._timer.tokens(len(tokens.ids))
                if events := choice.feed(tokens):
                    yield events
                if choice.done:
                    return


class _Trial:
    """One attempt's events on their way. shown: whether any were given out."""

    def __init__(self, constraint: Constraint) -> None:
        self._constraint = constraint
        self._texts: list[str] = []
        self._held: list[Event] = []
        self.shown = False

    async def hear(self, events: list[Event], *, cut: bool) -> list[Event]:
        """What can be shown now. cut: whether a stop string ended it. Raises _Violated."""
        self._texts += [event.text for event in events if isinstance(event, Content)]
        last = events[-1]
        if isinstance(last, Done):
            events = [*self._held, *events[:-1], await self._judged(last, cut)]
        elif self._constraint.buffered:
            self._held += events
            return []
        self.shown = True
        return events

    async def _judged(self, done: Done, cut: bool) -> Done:
        if done.finish != "stop":
            return done
        violation = await self._constraint.violation("".join(self._texts))
        if violation is None:
            return done
        if cut:
            return Done("length")
        raise _Violated(violation)
