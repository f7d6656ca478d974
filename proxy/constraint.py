"""What the answers of one request are bound by: enforced while the model writes, checked when it has written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .generation import Guide
from .grammar.said import Said
from .syntax import Thinking


@dataclass(frozen=True, slots=True)
class Constraint:
    """guide: what the engine enforces, by where the prompt leaves the sample. violation: what is wrong with what
    a finished sample said; None if nothing is. buffered: whether the guide lets wrong answers through, so that
    what is bound is shown only once it has passed. free_text: whether calls alone are bound. retries: how often an
    answer that has not passed is generated again."""

    guide: Callable[[Thinking], Guide]
    violation: Callable[[Said], Awaitable[str | None]]
    buffered: bool
    free_text: bool
    retries: int
