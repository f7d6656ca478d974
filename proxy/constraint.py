"""What the answers of one request are bound by: enforced while the model writes, checked when it has written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .generation import Guide


@dataclass(frozen=True, slots=True)
class Constraint:
    """guide: what the engine enforces. violation: what is wrong with a finished answer's content; None if nothing
    is. buffered: whether the guide lets wrong answers through, so that one is shown only once it has passed.
    retries: how often an answer that has not passed is generated again."""

    guide: Guide
    violation: Callable[[str], Awaitable[str | None]]
    buffered: bool
    retries: int
