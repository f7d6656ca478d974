"""How long a sample may think, and how its thought is ended when that is used up."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .choice import Choice
from .constraint import Constraint
from .events import Event
from .generation import Generation, Tokens


@dataclass(frozen=True, slots=True)
class ThoughtBudget:
    """tokens: of the thought; 0: none. closing: what ends a thought in the family's words
    (``ThoughtSyntax.ending``); ids: the same for the model. context: the tokens that prompt and answer may take
    together."""

    tokens: int
    closing: str
    ids: tuple[int, ...]
    context: int


class LimitedThought:
    """One attempt up to the end of its thought. generation: what the engine was asked; choice: what reads it."""

    def __init__(
        self, budget: ThoughtBudget, choice: Choice, generation: Generation, constraint: Constraint | None
    ) -> None:
        self._budget = budget
        self._choice = choice
        self._generation = generation
        self._constraint = constraint
        self._ids: list[int] = []
        self._over = False

    @property
    def used_up(self) -> bool:
        """Whether the thought has to end here. Where no room is left for an answer behind it, it may as well go
        on."""
        choice = self._choice
        return choice.thinking and choice.thought_tokens >= self._budget.tokens and self._room > 0

    def feed(self, tokens: Tokens) -> list[Event]:
        """The events of the ids up to the one that uses the budget up; the others are nobody's."""
        events: list[Event] = []
        for part in self._parts(tokens):
            events += self._choice.feed(part)
            if self._choice.done or self.used_up:
                break
        return events

    def answer(self) -> Generation:
        """What is to be generated behind the thought: the answer alone."""
        generation = self._generation
        return replace(
            generation,
            request_id=secrets.token_hex(16),
            prompt=(*generation.prompt, *self._ids, *self._budget.ids),
            max_tokens=self._room,
            guide=self._constraint.guide("never") if self._constraint else None,
        )

    @property
    def _room(self) -> int:
        """Tokens that are left for the answer."""
        generation = self._generation
        taken = len(generation.prompt) + len(self._ids) + len(self._budget.ids)
        return min(generation.max_tokens - len(self._ids), self._budget.context - taken)

    def _parts(self, tokens: Tokens) -> Iterator[Tokens]:
        """The tokens, as many at a time as cannot be too many."""
        start, count = 0, len(tokens.ids)
        while start < count:
            end = count if self._over else min(count, start + self._step())
            was_thinking = self._choice.thinking
            self._ids += tokens.ids[start:end]
            yield tokens.part(start, end)
            self._over = self._over or (was_thinking and not self._choice.thinking)
            start = end
        if not count:
            yield tokens

    def _step(self) -> int:
        """Ids that may be read at once: while it does not think, the next one may begin to."""
        left = self._budget.tokens - self._choice.thought_tokens
        return max(1, left) if self._choice.thinking else 1
