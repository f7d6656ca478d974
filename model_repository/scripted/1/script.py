"""An engine that plays token ids from a file, at a given pace. For tests and benchmarks: no model, no luck.

``script.json`` beside this file, read anew whenever it has changed (replace it in one go)::

    {"pace_ms": 0, "tokens_per_response": 1,
     "answers": [{"after": [198], "ids": [40, 41], "pace_ms": 5, "error": "engine_failed: oh", "error_at": 1}]}

The first answer whose ``after`` ends the prompt plays: its ids, one response each ``pace_ms``, and after
``error_at`` ids the error instead (``pace_ms``, ``error`` and ``error_at`` may be absent, and so may the file).
A prompt that no answer fits is played back from its first id, again and again, until the room is used up. Every
id's log-prob is -0.5; logits are those of chances.py, and with a bias the id with the largest sum is played.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from chances import logits
from piece import Piece
from request import Refusal, Request

_LOG_PROB = -0.5


@dataclass(frozen=True)
class ScriptedAnswer:
    """One answer of the script; `error_at` is None where it plays to its end."""

    after: list[int]
    ids: list[int]
    pace_ms: float
    error: str = "engine_failed: the script says so"
    error_at: int | None = None


class Script:
    """The file, as it is now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = -1
        self.pace_ms = 0.0
        self.tokens_per_response = 1
        self._answers: list[ScriptedAnswer] = []

    def refresh(self) -> None:
        """Reads the file if it has changed. Raises Refusal if it cannot be understood."""
        changed = self._path.stat().st_mtime_ns if self._path.exists() else 0
        if changed == self._changed:
            return
        try:
            data = json.loads(self._path.read_bytes()) if changed else {}
            self.pace_ms = float(data.get("pace_ms", 0))
            self.tokens_per_response = int(data.get("tokens_per_response", 1))
            self._answers = [
                ScriptedAnswer(**{"pace_ms": self.pace_ms, **answer}) for answer in data.get("answers", [])
            ]
        except (ValueError, TypeError, AttributeError) as error:
            raise Refusal(f"engine_failed: {self._path.name}: {error}") from error
        self._changed = changed

    def answer(self, prompt: list[int]) -> ScriptedAnswer | None:
        """The first answer that follows the prompt."""
        for answer in self._answers:
            if prompt[len(prompt) - len(answer.after) :] == answer.after:
                return answer
        return None


@dataclass
class Play:
    """One sequence being played: what is left of its ids and when the next ones are due."""

    ids: Iterator[int]
    pace: float  # seconds
    due: float
    request: Request
    vocab_size: int
    error: str | None  # comes after the ids

    def piece(self, key: int, tokens: int) -> Piece:
        ids = list(itertools.islice(self.ids, tokens))
        self.due += self.pace
        if not ids:
            return Piece(key, ended=True, error=self.error)
        if self.request.logits or self.request.bias is not None:
            return self._with_logits(key, ids)
        return Piece(key, ids, [_LOG_PROB] * len(ids) if self.request.log_probs else ())

    def _with_logits(self, key: int, ids: list[int]) -> Piece:
        rows = np.stack([logits(token, self.vocab_size) for token in ids])
        if self.request.bias is not None:
            ids = (rows + self.request.bias).argmax(axis=1).tolist()
        log_probs = rows[np.arange(len(ids)), ids].tolist() if self.request.log_probs else ()
        return Piece(key, ids, log_probs, logits=rows if self.request.logits else None)


class ScriptedEngine:
    """Plays ``script.json`` of `folder`; of the parameters it needs ``vocab_size``."""

    def __init__(self, folder: Path, parameters: dict[str, str]) -> None:
        self._script = Script(folder / "script.json")
        self._vocab_size = int(parameters["vocab_size"])
        self._plays: dict[int, Play] = {}

    def add(self, key: int, request: Request) -> None:
        self._script.refresh()
        prompt = request.ids.tolist()
        answer = self._script.answer(prompt)
        pace = (self._script.pace_ms if answer is None else answer.pace_ms) / 1000
        ids: Iterator[int] = itertools.cycle(prompt) if answer is None else iter(answer.ids[: answer.error_at])
        error = None if answer is None or answer.error_at is None else answer.error
        self._plays[key] = Play(ids, pace, time.monotonic() + pace, request, self._vocab_size, error)

    def remove(self, key: int) -> None:
        self._plays.pop(key, None)

    def step(self) -> Iterator[Piece]:
        now = time.monotonic()
        for key, play in list(self._plays.items()):
            if play.due <= now:
                yield play.piece(key, self._script.tokens_per_response)

    def pause(self) -> float | None:
        if not self._plays:
            return None
        return max(0.0, min(play.due for play in self._plays.values()) - time.monotonic())
