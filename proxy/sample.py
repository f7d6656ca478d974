"""One sample of an answer, from the engine's tokens to events: generated again until it keeps its constraint.

A guide binds the model while it writes. Still, an answer that ends by itself is always checked: a guide may let
through what the schema forbids (what is bound of such an answer is buffered until it has passed), and an engine
may be wrong. One that fails is generated anew, behind what nothing binds and was shown of it: its thought, and its
text before a call. Once something bound was shown it cannot be.

A thought that takes more than its budget is ended: the engine's request is closed, and a second one goes on behind
the thought and what ends it. The client sees one answer.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace

from .choice import Choice
from .constraint import Constraint
from .engines.base import Engine
from .errors import GuideRefused, StructuredOutputFailed
from .events import Event
from .generation import Generation, Tokens
from .metrics import RequestMetrics
from .shown import Shown
from .thought_budget import LimitedThought, ThoughtBudget
from .trial import Trial, Violated

# Keeps the seeds of retries apart from one another and from those of the other samples, which count up (Fibonacci
# hashing, Knuth's TAOCP 3, 6.4).
_NEXT_SEED = 0x9E3779B97F4A7C15
_WARMER = 0.25  # of temperature, each time
_WIDER = 0.9  # the least top_p
_MOST_ENDED = 4  # thoughts of one attempt
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


class Sample:
    """begin: makes the Choice of an attempt. choice: of the one that runs, or ran last. budget: of its thought;
    None: it may think as long as it likes, or does not."""

    def __init__(
        self,
        generation: Generation,
        begin: Callable[[], Choice],
        constraint: Constraint | None,
        engine: Engine,
        metrics: RequestMetrics,
        budget: ThoughtBudget | None = None,
    ) -> None:
        self.choice = begin()
        self._generation = generation
        self._begin = begin
        self._constraint = constraint
        self._engine = engine
        self._metrics = metrics
        self._budget = budget
        self._shown = Shown()
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
                await self._shown.replay(self.choice)
            trial = Trial(constraint, self.choice, self._shown)
            try:
                async with aclosing(self._attempt(self._next(constraint, number))) as attempt:
                    async for events in attempt:
                        shown = await trial.hear(events)
                        for start in range(0, len(shown), _PIECE):
                            yield shown[start : start + _PIECE]
                            if start + _PIECE < len(shown):
                                await asyncio.sleep(0)
                return
            except GuideRefused:
                self._metrics.guide_refused()
                raise
            except Violated as violated:
                self._timer.throw_away(self._shown.tokens)
                self._shown.rewind()
                first = first or str(violated)
                if trial.final:
                    break
        raise StructuredOutputFailed(
            f"No answer conformed to what was asked for: {first[:_SHOWN]}. Send the request again, or make the"
            " schema easier to fulfil."
        )

    def _next(self, constraint: Constraint, number: int) -> Generation:
        """What the engine is asked for the attempt of this number, which the choice is ready for."""
        generation = again(self._generation, number)
        if not self.choice.tokens:
            return generation
        # Without a budget nothing is there that the model did not write.
        context = self._budget.context if self._budget else len(generation.prompt) + generation.max_tokens
        behind = self._shown.before(generation, context)
        return replace(behind, guide=constraint.guide("inside" if self.choice.thinking else "never"))

    def _attempt(self, generation: Generation) -> AsyncGenerator[list[Event], None]:
        if self._budget is None:
            return self._read(generation)
        return self._thought_first(generation, self._budget)

    async def _thought_first(
        self, generation: Generation, budget: ThoughtBudget
    ) -> AsyncGenerator[list[Event], None]:
        """A model that goes on to think where its thought was ended is told so again, a few times."""
        for _ in range(_MOST_ENDED):
            thought = LimitedThought(budget, self.choice, generation, self._constraint)
            if not thought.used_up:
                async with aclosing(self._read(generation, thought)) as begun:
                    async for events in begun:
                        yield events
                if not thought.used_up:
                    return
            generation = thought.answer()
            self._shown.interjected(budget.closing, budget.ids)
            if events := self.choice.interject(budget.closing):
                yield events
        async with aclosing(self._read(generation)) as rest:
            async for events in rest:
                yield events

    async def _read(
        self, generation: Generation, thought: LimitedThought | None = None
    ) -> AsyncGenerator[list[Event], None]:
        """thought: what is read at first, up to where it is used up."""
        feed = self.choice.feed if thought is None else thought.feed
        # Then the prompt is more than the client's, and what is cached of it is of no account.
        behind = self.choice.tokens > 0
        async with aclosing(self._engine.generate(generation)) as stream:
            async for tokens in stream:
                self._timer.tokens(len(tokens.ids))
                if behind and tokens.cached_blocks:
                    tokens = replace(tokens, cached_blocks=0)
                for part in self._parts(tokens):
                    if events := feed(part):
                        yield events
                    if self.choice.done or (thought is not None and thought.used_up):
                        return

    def _parts(self, tokens: Tokens) -> Iterator[Tokens]:
        """As much at a time as can be shown and kept."""
        if self._constraint is None or not self._constraint.buffered or self._shown.ended:
            yield tokens
            return
        for part in tokens.singly():
            self._shown.wrote(part)
            yield part
