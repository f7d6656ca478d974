"""Events of n samples in, OpenAI's chunks out: role first, then text, then the finish reason, and the usage
beside the last of them. Source: API contract, sections 3 and 4."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from ..events import Content, Done, Event, LogProb


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one request; completion sums its samples."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0

    def to_body(self) -> dict[str, object]:
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        }


@dataclass(frozen=True, slots=True)
class Chunk:
    """One change of one choice. role: the choice begins. content: text to append, or None. finish_reason: the
    choice ends. usage: the request ends with this chunk."""

    index: int
    role: bool = False
    content: str | None = None
    log_probs: tuple[LogProb, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None


class Shape(Protocol):
    """How a route writes its answers: the one thing in which chat and text completions differ on their way out.

    id_prefix: of an answer's id. whole, chunk: the ``object`` of a whole answer and of a stream's chunk.
    around_text: what stands between a choice's index and its text (JSON), and after it, in a chunk that adds text
    alone.
    """

    id_prefix: str
    whole: str
    chunk: str
    around_text: tuple[bytes, bytes]

    def change(self, chunk: Chunk) -> dict[str, object]:
        """The entry of ``choices`` in a stream's chunk."""
        ...

    def choice(
        self, index: int, text: str, log_probs: tuple[LogProb, ...] | None, finish_reason: str | None
    ) -> dict[str, object]:
        """The entry of ``choices`` in a whole answer. log_probs: None if they were not asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """What every chunk of an answer repeats, and the answer itself. log_probs: whether they are wanted. shape: of
    the route that was asked."""

    id: str
    created: int
    model: str
    fingerprint: str
    log_probs: bool
    shape: Shape


# How a chat's choice begins.
ROLE = Chunk(0, role=True, content="")


class ChunkWriter:
    """Turns the events of an answer's choices into chunks. opening: what each choice begins with, if anything."""

    def __init__(self, choices: int, opening: Chunk | None = ROLE) -> None:
        self._choices = choices
        self._opening = opening
        self._begun = False

    def write(self, index: int, event: Event, usage: Usage | None = None) -> list[Chunk]:
        """index: of the event's choice. usage: the request's, with the event that ends its last choice."""
        # All choices begin at once and in order: openai-python's accumulator takes an index for a place.
        chunks = []
        if self._opening is not None and not self._begun:
            chunks = [replace(self._opening, index=choice) for choice in range(self._choices)]
        self._begun = True
        if isinstance(event, Content):
            chunks.append(Chunk(index, content=event.text, log_probs=event.log_probs))
        elif isinstance(event, Done):
            chunks.append(Chunk(index, finish_reason=event.finish, usage=usage))
        return chunks


def log_probs_body(entries: tuple[LogProb, ...]) -> dict[str, object]:
    """``choices[].logprobs`` of the entries."""
    content = [
        {**_token_body(entry), "top_logprobs": [_token_body(other) for other in entry.top]} for entry in entries
    ]
    return {"content": content, "refusal": None}


def _token_body(entry: LogProb) -> dict[str, object]:
    return {"token": entry.token, "bytes": list(entry.data), "logprob": entry.value}
