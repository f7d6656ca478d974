"""The requests of the benchmark: a number in; what is asked, what the engine answers, when the client leaves out.

Both sides know it by the number, which the client's ``user`` and the prompt carry.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["streamed", "whole", "two samples", "generated again", "engine fails"]

_KINDS: tuple[tuple[Kind, int], ...] = (
    ("streamed", 60), ("whole", 15), ("two samples", 10), ("generated again", 8), ("engine fails", 7),
)  # fmt: skip
_LEAVE = 0.25
_LONG = 0.1
# Seconds between two messages of the engine.
PACE = 0.03
_SHORTEST, _LONGEST, _LONG_MESSAGES = 2, 16, 90
_NUMBER = re.compile(rb"number (\d+);")
# No grammar says that items differ, so an answer is checked, and the first attempts are not conforming.
_SCHEMA = {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}
_BROKEN, _CONFORMING = b"[1,1]", b"[1,2]"


@dataclass(frozen=True)
class Asked:
    """messages: of the engine to each sample. leaves_after: messages that the client waits for; None stays."""

    number: int
    kind: Kind
    messages: int
    leaves_after: int | None

    def body(self, model: str) -> dict[str, object]:
        extra: dict[str, object] = {}
        if self.kind == "two samples":
            extra = {"n": 2}
        elif self.kind == "generated again":
            schema = {"name": "answer", "schema": _SCHEMA}
            extra = {"response_format": {"type": "json_schema", "json_schema": schema}}
        return {
            "model": model,
            "messages": [{"role": "user", "content": f"number {self.number}; go"}],
            "stream": self.kind != "whole",
            "user": str(self.number),
            "metadata": {"kind": self.kind},
            **extra,
        }

    def message(self, place: int, attempt: int) -> bytes:
        """What the engine says, a byte an id."""
        if self.kind == "generated again":
            return (_BROKEN if attempt < 2 else _CONFORMING) if place == self.messages - 1 else b""
        return b"abcd"


def asked(number: int) -> Asked:
    choice = random.Random(number)
    kinds, weights = zip(*_KINDS, strict=True)
    (kind,) = choice.choices(kinds, weights)
    messages = _LONG_MESSAGES if choice.random() < _LONG else choice.randint(_SHORTEST, _LONGEST)
    leaves = choice.randint(1, messages) if choice.random() < _LEAVE else None
    return Asked(number, kind, messages, leaves)


def number_of(prompt: Sequence[int]) -> int:
    """The number of the request whose prompt it is, in the byte model."""
    found = _NUMBER.search(bytes(token for token in prompt if token < 256))
    if found is None:
        raise ValueError("not a prompt of this benchmark")
    return int(found[1])
