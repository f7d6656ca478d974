"""What a model's text means once it is parsed: the events that one sample consists of, in order.

::

    Reasoning*  ( Content* | (ToolStart ToolArguments*)+ )*  Done
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Finish = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class LogProb:
    """A generated token. token: its text, or ``bytes:\\xf0\\x9f`` where it is only part of a character.
    data: its bytes. value: its natural log-probability; None for a prompt's token, which has none. top: the most
    likely tokens in its place, best first. offset: where in the answer's text it begins, in characters."""

    token: str
    data: bytes
    value: float | None
    top: tuple[LogProb, ...] = ()
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """A piece of the answer's text and the tokens it came from (none unless log-probs were asked for). start:
    where it begins in all that the model wrote, in characters; the piece is written there to the letter."""

    text: str
    log_probs: tuple[LogProb, ...] = ()
    start: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of the thought."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolStart:
    """A call begins. index: counts the sample's calls from 0. name: of a given tool."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class ToolArguments:
    """A piece of a call's arguments, which are a JSON text."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a sample. length: it was cut, or ends where it cannot end, inside a call or a thought.
    tool_calls: it has calls, and all of them are whole."""

    finish: Finish

    @classmethod
    def after(cls, reason: Literal["stop", "length"], *, calls: int, cut: bool) -> Done:
        """reason: why the engine ended. calls: how many there are. cut: whether the text ends where it cannot."""
        if cut or reason == "length":
            return cls("length")
        return cls("tool_calls" if calls else "stop")


Event = Content | Reasoning | ToolStart | ToolArguments | Done
