"""What an engine is asked (Generation) and what it answers (a stream of Tokens). Engine-neutral: past this
point nothing knows OpenAI's words, before it nothing knows Triton's tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

FinishReason = Literal["stop", "length"]
# The most likely ids of one step and their log-probabilities, best first.
TopLogProbs = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. temperature 0 is greedy; top_k 0 is off; a penalty is off at 1
    (repetition) or 0 (the others)."""

    temperature: float
    top_p: float
    top_k: int
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float


@dataclass(frozen=True, slots=True)
class Guide:
    """A constraint on the generated text, in words that every engine reads."""

    kind: Literal["regex", "ebnf_grammar"]
    text: str


@dataclass(frozen=True, slots=True)
class Generation:
    """One sample to generate: frozen, complete, nothing optional is left to an engine's taste.

    request_id: unique among live requests. model: the name the engine knows the model by. prompt: token ids.
    max_tokens: room for the answer; prompt and room fit the context. end_ids: ids that end the turn, at least
    one; they never come back. stop_words: token sequences that end the answer early; a hint, they do come
    back. seed: 0 <= seed < 2**64. log_probs: whether each token's log-probability is wanted; top_log_probs: and
    how many of the most likely ids of each step. vocab_size: ids are below it. logit_bias: id -> what is added to
    its logit.
    """

    request_id: str
    model: str
    prompt: Sequence[int]
    max_tokens: int
    end_ids: tuple[int, ...]
    pad_id: int
    vocab_size: int
    stop_words: tuple[tuple[int, ...], ...]
    sampling: Sampling
    seed: int
    log_probs: bool
    guide: Guide | None = None
    top_log_probs: int = 0
    logit_bias: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The ids generated since the last item. log_probs: one per id where asked for, else empty; natural
    logarithms of the model's raw distribution. top_log_probs: one per id where asked for, else empty. finish: on
    the last item alone. cached_blocks: KV-cache blocks of the prompt that were reused."""

    ids: Sequence[int]
    log_probs: Sequence[float] = ()
    finish: FinishReason | None = None
    cached_blocks: int = 0
    top_log_probs: Sequence[TopLogProbs] = ()

    def part(self, start: int, end: int) -> Tokens:
        """Those at these places; the finish goes with the last."""
        return Tokens(
            self.ids[start:end],
            self.log_probs[start:end],
            self.finish if end == len(self.ids) else None,
            self.cached_blocks,
            self.top_log_probs[start:end],
        )

    def singly(self) -> Sequence[Tokens]:
        """The same, an id at a time."""
        return [self.part(place, place + 1) for place in range(len(self.ids))] or [self]
