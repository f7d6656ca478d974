"""What one sample said, as it is checked against what the request asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """content: the answer's text, without thoughts and markers. calls: the name and the arguments' text of each.
    whole: False where the model ended it inside a call or a thought."""

    content: str
    calls: tuple[tuple[str, str], ...] = ()
    whole: bool = True
