"""The functions that a model may call: what the client gave in, what the grammar, the prompt and the parser stand
on out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_CALLS = 16  # in one answer


@dataclass(frozen=True, slots=True)
class Tool:
    """name: ``[A-Za-z0-9_-]{1,64}``. parameters: the JSON Schema of its arguments, an object's; not yet looked
    at."""

    name: str
    description: str | None
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolUse:
    """told: the tools that the model is told of. allowed: those of them that it may call; none: it may not call.
    least, most: how many calls an answer has; with a least of 0 it may be text, else it is nothing but calls.
    Source: API contract, section 6."""

    told: tuple[Tool, ...]
    allowed: tuple[Tool, ...]
    least: int
    most: int
