"""Events of n samples in, OpenAI's chunks out: role first, then text, then the finish reason, and the usage
beside the last of them. Source: API contract, sections 3 and 4."""

from __future__ import annotations

from dataclasses import dataclass

from ..events import Content, Event, LogProb


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


@dataclass(frozen=True, slots=True)
class Head:
    """What every chunk of an answer repeats, and the answer itself. log_probs: whether they are wanted."""

    id: str
    created: int
    model: str
    fingerprint: str
    log_probs: bool


class ChunkWriter:
    """Turns the events of an answer's choices into chunks."""

    def __init__(self, choices: int) -> None:
        self._choices = choices
        self._begun = False

    def write(self, index: int, event: Event, usage: Usage | None = None) -> list[Chunk]:
        """index: of the event's choice. usage: the request's, with the event that ends its last choice."""
        # All choices begin at once and in order: openai-python's accumulator takes an index for a place.
        begin = () if self._begun else range(self._choices)
        chunks = [Chunk(choice, role=True, content="") for choice in begin]
        self._begun = True
        if isinstance(event, Content):
            chunks.append(Chunk(index, content=event.text, log_probs=event.log_probs))
        else:
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
