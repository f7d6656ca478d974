"""What a model's text means once it is parsed: the events that one sample consists of, in order. Any number
of Content, then exactly one Done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Finish = Literal["stop", "length"]


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
    """A piece of the answer's text and the tokens it came from (none unless log-probs were asked for)."""

    text: str
    log_probs: tuple[LogProb, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a sample."""

    finish: Finish


Event = Content | Done
