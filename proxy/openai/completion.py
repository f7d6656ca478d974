"""Chunks in, one whole completion out: the fold of the stream, so that the two cannot disagree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..events import LogProb
from .chunk import Chunk, Head, Usage


@dataclass(slots=True)
class _Choice:
    texts: list[str] = field(default_factory=list)
    log_probs: list[LogProb] = field(default_factory=list)
    finish_reason: str | None = None


class Completion:
    """Collects the chunks of one answer."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None

    def fold(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            choice = self._choices.setdefault(chunk.index, _Choice())
            if chunk.content:
                choice.texts.append(chunk.content)
            choice.log_probs.extend(chunk.log_probs)
            choice.finish_reason = chunk.finish_reason or choice.finish_reason
            self._usage = chunk.usage or self._usage

    def finish(self) -> tuple[dict[str, object], Usage]:
        """The response body and the usage in it, once the last chunk is in. Source: API contract, section 3."""
        assert self._usage is not None, "an answer is whole only when its last chunk came"
        head = self._head
        body = {
            "id": head.id,
            "object": head.shape.whole,
            "created": head.created,
            "model": head.model,
            "system_fingerprint": head.fingerprint,
            "choices": [
                head.shape.choice(
                    index,
                    "".join(choice.texts),
                    tuple(choice.log_probs) if head.log_probs else None,
                    choice.finish_reason,
                )
                for index, choice in sorted(self._choices.items())
            ],
            "usage": self._usage.to_body(),
        }
        return body, self._usage
