"""Chunks in, one whole completion out: the fold of the stream, so that the two cannot disagree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..events import LogProb
from .chunk import CallDelta, Chunk, Head, Message, Usage


@dataclass(slots=True)
class _Call:
    """first: its first delta. fragments: of its arguments."""

    first: CallDelta
    fragments: list[str] = field(default_factory=list)

    def whole(self) -> CallDelta:
        return replace(self.first, arguments="".join(self.fragments))


@dataclass(slots=True)
class _Choice:
    """has_text: whether there is any, empty text included."""

    has_text: bool = False
    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[_Call] = field(default_factory=list)
    log_probs: list[LogProb] = field(default_factory=list)
    finish_reason: str | None = None

    def fold(self, chunk: Chunk) -> None:
        if chunk.content is not None:
            self.has_text = True
            self.texts.append(chunk.content)
        if chunk.reasoning is not None:
            self.thoughts.append(chunk.reasoning)
        if chunk.call is not None:
            if chunk.call.id is not None:
                self.calls.append(_Call(chunk.call))
            self.calls[chunk.call.index].fragments.append(chunk.call.arguments)
        self.log_probs.extend(chunk.log_probs)
        self.finish_reason = chunk.finish_reason or self.finish_reason

    def message(self, *, log_probs: bool) -> Message:
        return Message(
            content="".join(self.texts) if self.has_text else None,
            reasoning="".join(self.thoughts),
            calls=tuple(call.whole() for call in self.calls),
            log_probs=tuple(self.log_probs) if log_probs else None,
            finish_reason=self.finish_reason,
        )


class Completion:
    """Collects the chunks of one answer."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None

    def fold(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            self._choices.setdefault(chunk.index, _Choice()).fold(chunk)
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
                head.shape.choice(index, choice.message(log_probs=head.log_probs))
                for index, choice in sorted(self._choices.items())
            ],
            "usage": self._usage.to_body(),
        }
        return body, self._usage
