"""The ``x-forii-*`` and ``x-ratelimit-*`` headers of an answer: what is known before it begins, and what time
adds. Source: API contract, sections 3 and 9."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..openai.chunk import Usage

# Clients give up on headers of 16 KiB (Node) and more.
_LONGEST = 4096


class AnswerHeaders:
    """Collects them as they become known. started: when the request came, of time.perf_counter."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._known: dict[str, str] = {}

    def mark_standing(self, standing: Mapping[str, str]) -> None:
        """How the caller's account stands; empty where nothing limits its requests."""
        self._known.update(standing)

    def mark_parsed(self, ignored: tuple[str, ...]) -> None:
        """ignored: names of fields that change nothing."""
        if ignored:
            self._known["x-forii-ignored-params"] = _names(ignored)

    def mark_found(self, model: str) -> None:
        """model: its own id, whatever alias was asked for."""
        self._known["x-forii-model"] = model

    def mark_prepared(self, prompt_tokens: int, truncated_tokens: int) -> None:
        self._known["x-forii-prompt-tokens"] = str(prompt_tokens)
        self._known["x-forii-truncated-tokens"] = str(truncated_tokens)

    def mark_answered(self) -> None:
        """The engine's first answer is in."""
        if "x-forii-ttft-ms" not in self._known:
            self._known["x-forii-ttft-ms"] = str(self.milliseconds())

    def now(self) -> dict[str, str]:
        """Those known by now."""
        return dict(self._known)

    def whole(self, usage: Usage) -> dict[str, str]:
        """Those of an answer that is complete."""
        return {
            **self._known,
            "x-forii-completion-tokens": str(usage.completion),
            "x-forii-cached-tokens": str(usage.cached),
            "x-forii-total-ms": str(self.milliseconds()),
        }

    def milliseconds(self) -> int:
        """Since the request came."""
        return round((time.perf_counter() - self._started) * 1000)


def _names(ignored: tuple[str, ...]) -> str:
    names = ",".join(_fit(name) for name in ignored)
    return names if len(names) <= _LONGEST else names[: _LONGEST - 3] + "..."


def _fit(name: str) -> str:
    """A client's field name, made fit for a header: at most 64 characters, anything unusual as ``?``."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "_-.") else "?" for char in name[:64])
