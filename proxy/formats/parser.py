"""One sample's text in, its events out, incrementally.

A family's parser is one file and one line in ``FORMATS``; the recipe of a model says which one reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..events import Event, Finish, LogProb
from .plain import PlainParser


class Parser(Protocol):
    """Synchronous, without I/O; looks at each character once."""

    def feed(self, text: str, log_probs: tuple[LogProb, ...]) -> list[Event]:
        """What the text adds. log_probs: of the tokens that it came from, where asked for."""
        ...

    def finish(self, reason: Finish) -> list[Event]:
        """What was held back, then Done."""
        ...


FORMATS: dict[str, Callable[[], Parser]] = {
    "plain": PlainParser,
}
