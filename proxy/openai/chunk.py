"""Events of n samples in, OpenAI's chunks out: role first, then thought, text and calls, then the finish reason,
and the usage beside the last of them. Source: API contract, sections 3 and 4."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Protocol

from ..events import Content, Done, Event, LogProb, Reasoning, ToolArguments, ToolStart


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
class CallDelta:
    """What is new of a call. index: among the calls of its choice. arguments: a fragment to append. id, name: in
    the first delta of the call, else None."""

    index: int
    arguments: str
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """One change of one choice. role: the choice begins, with content as it is, None included. content, reasoning:
    text to append, or None. call: the call that goes on. finish_reason: the choice ends. usage: the request ends
    with this chunk."""

    index: int
    role: bool = False
    content: str | None = None
    reasoning: str | None = None
    call: CallDelta | None = None
    log_probs: tuple[LogProb, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A whole choice: what its chunks add up to. content: None where it has calls and no text. calls: their deltas
    as one each. log_probs: None if they were not asked for."""

    content: str | None
    reasoning: str
    calls: tuple[CallDelta, ...]
    log_probs: tuple[LogProb, ...] | None
    finish_reason: str | None


class Shape(Protocol):
    """How a route writes its answers: the one thing in which chat and text completions differ on their way out.

    id_prefix: of an answer's id. whole, chunk: the ``object`` of a whole answer and of a stream's chunk.
    around_text: what stands between a choice's index and its text (JSON), and after it, in a chunk that adds text
    alone; around_reasoning: the same for a thought. around_arguments: for a fragment of a call's arguments, with
    the call's index in place of ``%d``.
    """

    id_prefix: str
    whole: str
    chunk: str
    around_text: tuple[bytes, bytes]
    around_reasoning: tuple[bytes, bytes]
    around_arguments: tuple[bytes, bytes]

    def change(self, chunk: Chunk) -> dict[str, object]:
        """The entry of ``choices`` in a stream's chunk."""
        ...

    def choice(self, index: int, message: Message) -> dict[str, object]:
        """The entry of ``choices`` in a whole answer."""
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


_CALL_ID = "call_forii_"

# How a chat's choice begins.
ROLE = Chunk(0, role=True, content="")


class ChunkWriter:
    """Turns the events of an answer's choices into chunks. opening: what each choice begins with, if anything.
    calls: whether it may call functions. Then only a choice's first event tells whether it begins with text."""

    def __init__(self, choices: int, opening: Chunk | None = ROLE, *, calls: bool = False) -> None:
        self._choices = choices
        self._opening = opening
        self._calls = calls
        # How many choices have begun, as the client knows, and what it cannot be told before the others have.
        self._begun = 0
        self._held: dict[int, list[Chunk]] = {}
        # The choices that began without text, as long as they have neither text nor calls.
        self._silent: set[int] = set()

    def write(self, index: int, event: Event, usage: Usage | None = None) -> list[Chunk]:
        """index: of the event's choice. usage: the request's, with the event that ends its last choice."""
        chunks = self._in_order(index, event) if index >= self._begun else self._change(index, event)
        if usage is not None:
            chunks[-1] = replace(chunks[-1], usage=usage)
        return chunks

    def _in_order(self, index: int, event: Event) -> list[Chunk]:
        """A choice that the client does not know yet. All begin in order: openai-python's accumulator takes an
        index for a place."""
        if not self._calls:
            self._begun = self._choices
            opening = self._opening
            begun = [] if opening is None else [replace(opening, index=one) for one in range(self._choices)]
            return begun + self._change(index, event)
        held = self._held.setdefault(index, [])
        if not held:
            held.append(self._role(index, event))
        held += self._change(index, event)
        begun = []
        while self._begun in self._held:
            begun += self._held.pop(self._begun)
            self._begun += 1
        return begun

    def _role(self, index: int, event: Event) -> Chunk:
        """How a choice begins that may be calls. Source: API contract, section 4."""
        if isinstance(event, Content | Done):
            return Chunk(index, role=True, content="")
        self._silent.add(index)
        return Chunk(index, role=True)

    def _change(self, index: int, event: Event) -> list[Chunk]:
        if isinstance(event, Content):
            self._silent.discard(index)
            return [Chunk(index, content=event.text, log_probs=event.log_probs)]
        if isinstance(event, Reasoning):
            return [Chunk(index, reasoning=event.text)]
        if isinstance(event, ToolArguments):
            return [Chunk(index, call=CallDelta(event.index, event.text))]
        if isinstance(event, ToolStart):
            self._silent.discard(index)
            new = f"{_CALL_ID}{secrets.token_hex(12)}"
            return [Chunk(index, call=CallDelta(event.index, "", new, event.name))]
        return [Chunk(index, content="" if index in self._silent else None, finish_reason=event.finish)]


def log_probs_body(entries: tuple[LogProb, ...]) -> dict[str, object]:
    """``choices[].logprobs`` of the entries."""
    content = [
        {**_token_body(entry), "top_logprobs": [_token_body(other) for other in entry.top]} for entry in entries
    ]
    return {"content": content, "refusal": None}


def _token_body(entry: LogProb) -> dict[str, object]:
    return {"token": entry.token, "bytes": list(entry.data), "logprob": entry.value}
