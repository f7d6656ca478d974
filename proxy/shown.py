"""What of a sample was shown before the rest was judged, a thought or the text before a call: it stays when the
rest is generated again, behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .choice import Choice
from .generation import Generation, Tokens

_TURN = 256  # steps, after which others get their turn


@dataclass(frozen=True, slots=True)
class _Step:
    """What a choice was fed, tokens or else a text that was put among them. ids: of either."""

    ids: Sequence[int]
    tokens: Tokens | None
    text: str = ""


class Shown:
    """tokens: how many the model wrote of it. ended: nothing more will be shown unjudged."""

    def __init__(self) -> None:
        self._kept: list[_Step] = []
        self._since: list[_Step] = []
        self.tokens = 0
        self.ended = False

    def wrote(self, tokens: Tokens) -> None:
        """The sample goes on with them."""
        if not self.ended:
            self._since.append(_Step(tokens.ids, tokens))

    def interjected(self, text: str, ids: Sequence[int]) -> None:
        """It goes on with a text that is not the model's."""
        if not self.ended:
            self._since.append(_Step(ids, None, text))

    def keep(self) -> None:
        """All of it was shown."""
        self.tokens += sum(len(step.ids) for step in self._since if step.tokens)
        self._kept += self._since
        self._since = []

    def rewind(self) -> None:
        """What was not shown is thrown away."""
        self._since = []
        self.ended = False

    def before(self, generation: Generation, context: int) -> Generation:
        """The generation of a whole sample with this part of it already there. context: the tokens that prompt and
        answer may take together."""
        prompt = (*generation.prompt, *(id for step in self._kept for id in step.ids))
        room = min(generation.max_tokens - self.tokens, context - len(prompt))
        return replace(generation, prompt=prompt, max_tokens=max(1, room))

    async def replay(self, choice: Choice) -> None:
        """Leaves a new choice where the part ends."""
        for place, step in enumerate(self._kept, 1):
            if step.tokens is None:
                choice.interject(step.text)
            else:
                choice.feed(step.tokens)
            if place % _TURN == 0:
                await asyncio.sleep(0)
