"""One sample's text in, its events out, incrementally.

A family is one file and one line in ``FORMATS``; the recipe of a model names the one that it was taught.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..events import Event
from ..generation import FinishReason
from ..syntax import PLAIN, Syntax
from ..tools import Tool
from .plain import PlainParser


class Parser(Protocol):
    """Synchronous, without I/O; looks at each character once. thinking: whether what comes next is, as far as is
    known, part of a thought."""

    thinking: bool

    def feed(self, text: str) -> list[Event]:
        """What the text adds."""
        ...

    def finish(self, reason: FinishReason) -> list[Event]:
        """What was held back, then Done. reason: why the engine ended."""
        ...


@dataclass(frozen=True, slots=True)
class Start:
    """Where a sample begins. thinking: inside a thought, which the prompt has opened. tools: those that it may
    call; where there are none, nothing that it writes is a call."""

    thinking: bool = False
    tools: Sequence[Tool] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """parser: makes one for each sample."""

    syntax: Syntax
    parser: Callable[[Start], Parser]


FORMATS: dict[str, Format] = {
    "plain": Format(PLAIN, PlainParser),
}
