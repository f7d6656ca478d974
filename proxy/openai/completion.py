"""Chunks in, one whole completion out: the fold of the stream, so that the two cannot disagree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..events import LogProb
from .chunk import Chunk, Head, Usage, log_probs_body


@dataclass(slots=True)
class _Choice:
    texts: list[str] = field(default_factory=list)
    log_probs: list[LogProb] = field(default_factory=list)
    finish_reason: str | None = None

    def to_body(self, index: int, *, log_probs: bool) -> dict[str, object]:
        return {
            "index": index,
            "message": {"role": "assistant", "content": "".join(self.texts), "refusal": None},
            "logprobs": log_probs_body(tuple(self.log_probs)) if log_probs else None,
            "finish_reason": self.finish_reason,
        }


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
            "object": "chat.completion",
            "created": head.created,
            "model": head.model,
            "system_fingerprint": head.fingerprint,
            "choices": [
                choice.to_body(index, log_probs=head.log_probs) for index, choice in sorted(self._choices.items())
            ],
            "usage": self._usage.to_body(),
        }
        return body, self._usage
