"""What the proxy asks of an engine, whichever it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from ..generation import Generation, Tokens


class Engine(Protocol):
    """Generates tokens. Source: engine contract."""

    def generate(self, generation: Generation) -> AsyncGenerator[Tokens, None]:
        """The ids as they are generated; the last item alone carries the finish reason. Closing the
        generator cancels the generation at once.

        Raises ModelUnavailable if the engine cannot be reached, EngineFailed if it ends in the middle,
        ContextLengthExceeded if the prompt is too long for it, UnsupportedParameter for what it cannot do,
        GuideRefused for a grammar that it does not take.
        """
        ...

    async def ready(self, model: str) -> bool:
        """Whether the model answers, within two seconds."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...
