"""The line a request walks. Read this file first.

::

    ChatRequest  openai/      what the client said (TextRequest: a text completion)
    -> Constraint grammar/    what the answer is bound by, if anything (schemas.py)
    -> ids       prompt/      chat template, tokenizer, what fits the context (fitting.py)
    -> Generation             n of them: complete, engine-neutral
    -> Tokens    engines/     as they are generated
    -> text      prompt/      detokenizer
    -> Event     formats/     what the text means: content, thought, calls
    -> Event     stops.py     stop strings in the content
    -> Event     sample.py    thoughts ended in time; once more, behind what was shown, if a constraint was broken
    -> Chunk     openai/      what the client reads

A whole answer is the fold of these chunks (``openai/completion.py``): there is no second path.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial

from .choice import Choice
from .constraint import Constraint
from .engines.base import Engine
from .events import Done
from .fitting import Fitted, fit
from .formats.parser import Start
from .formats.plain import PlainParser
from .generation import Generation, Guide
from .merge import merge
from .metrics import RequestMetrics
from .models import ServedModel
from .openai.chat_shape import CHAT, FUNCTION_CALL
from .openai.chunk import Chunk, ChunkWriter, Head, Shape, Usage
from .openai.request import ChatRequest
from .openai.text_request import TextRequest
from .openai.text_shape import TEXT
from .prompt.pool import run
from .prompt.prompt import Prompt
from .prompt.tokenizer import Tokenizer
from .sample import Sample
from .stops import StopStrings
from .syntax import Thinking
from .thought_budget import ThoughtBudget
from .tools import Tool

_UINT64 = 2**64


async def prepare(
    request: ChatRequest | TextRequest,
    model: ServedModel,
    engine: Engine,
    metrics: RequestMetrics,
    size: int = 0,
    constraint: Constraint | None = None,
) -> Answer:
    """The request up to where an engine is needed. size: its bytes; long ones are worked on beside the event loop.
    constraint: what the answer is bound by. Raises what is wrong with the request: nothing is generated before
    everything is known to be right."""
    fitted = await run(model.prompter.pool, size, partial(fit, request, model))
    thinking = _thinking(request, model, fitted.prompt)
    generations = _generations(request, model, fitted, constraint.guide(thinking) if constraint else None)
    begin = partial(_begin, request, model, fitted, StopStrings(request.stop or ()), thinking)
    budget = _budget(request, model)
    samples = [Sample(generation, begin, constraint, engine, metrics, budget) for generation in generations]
    return Answer(_head(request, model), fitted, model, samples, calls=_allowed(request) != ())


def _head(request: ChatRequest | TextRequest, model: ServedModel) -> Head:
    shape: Shape = TEXT
    if isinstance(request, ChatRequest):
        shape = FUNCTION_CALL if request.functions else CHAT
    return Head(
        id=f"{shape.id_prefix}{secrets.token_hex(12)}",
        created=int(time.time()),
        model=request.model,
        fingerprint=model.fingerprint,
        log_probs=request.log_probs,
        shape=shape,
    )


def _allowed(request: ChatRequest | TextRequest) -> tuple[Tool, ...]:
    """The tools that an answer may call."""
    return () if request.tool_use is None else request.tool_use.allowed


def _thinking(request: ChatRequest | TextRequest, model: ServedModel, prompt: Prompt) -> Thinking:
    """Where the prompt leaves a sample, by its end."""
    thought = model.format.syntax.thought
    if thought is None or isinstance(request, TextRequest):
        return "never"
    if model.format.reasoning.is_thinking(prompt.tail):
        return "inside"
    # Where text has a header of its own, every prompt ends as a closed thought does.
    closed = not model.format.syntax.before_text and prompt.tail.rstrip().endswith(thought.closing)
    return "never" if closed else "may"


def _budget(request: ChatRequest | TextRequest, model: ServedModel) -> ThoughtBudget | None:
    """What a thought may take, if that is limited."""
    thought = model.format.syntax.thought
    if thought is None or isinstance(request, TextRequest):
        return None
    tokens = model.format.reasoning.effort(request.effort).budget
    if tokens is None:
        return None
    ids = tuple(model.prompter.tokenizer.encode(thought.ending))
    return ThoughtBudget(tokens, thought.ending, ids, model.manifest.context)


def _generations(
    request: ChatRequest | TextRequest, model: ServedModel, fitted: Fitted, guide: Guide | None
) -> tuple[Generation, ...]:
    """n samples are n generations with seeds that count up; negative seeds wrap into UINT64."""
    manifest = model.manifest
    seed = secrets.randbits(64) if request.seed is None else request.seed
    # A stop string ends the text alone: an engine that finds one in a thought or a call must go on.
    plain = isinstance(request, TextRequest) or (guide is None and model.format.syntax.thought is None)
    words = _stop_words(model.prompter.tokenizer, request.stop or ()) if plain else ()
    return tuple(
        Generation(
            request_id=secrets.token_hex(16),
            model=manifest.triton_model,
            prompt=fitted.prompt.ids,
            max_tokens=fitted.room,
            end_ids=manifest.end_ids,
            pad_id=manifest.pad_id,
            vocab_size=manifest.vocab_size,
            stop_words=words,
            sampling=request.sampling,
            seed=(seed + index) % _UINT64,
            log_probs=request.log_probs,
            guide=guide,
            top_log_probs=request.top_log_probs,
            logit_bias=request.bias,
        )
        for index in range(request.n)
    )


def _begin(
    request: ChatRequest | TextRequest, model: ServedModel, fitted: Fitted, stops: StopStrings, thinking: Thinking
) -> Choice:
    tokenizer = model.prompter.tokenizer
    if isinstance(request, TextRequest):
        start = len(fitted.opening.content or "") if fitted.opening else 0
        return Choice(tokenizer, stops, PlainParser(), log_probs=request.log_probs, start=start)
    use = request.tool_use
    must_call = use is not None and use.least > 0
    parser = model.format.parser(Start(thinking == "inside", _allowed(request), must_call))
    return Choice(tokenizer, stops, parser, log_probs=request.log_probs, bytes_of=model.bytes_of)


def _stop_words(tokenizer: Tokenizer, stop: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """The stop strings as ids: a hint, so that the engine need not be cancelled. A tokenizer that changes its
    input (Unicode normalization) would have it stop at another text: there it gets no hint."""
    words = ((text, tokenizer.encode_plain(text)) for text in stop)
    return tuple(tuple(ids) for text, ids in words if b"".join(map(tokenizer.raw_bytes, ids)) == text.encode())


class Answer:
    """A request that is ready to run. calls: whether it may call functions. prompt_tokens: what its prompt takes.
    truncated_tokens: what was cut from it."""

    def __init__(
        self, head: Head, fitted: Fitted, model: ServedModel, samples: Sequence[Sample], *, calls: bool
    ) -> None:
        self.head = head
        self._calls = calls
        self.model = model
        self.prompt_tokens = len(fitted.prompt.ids)
        self.truncated_tokens = fitted.prompt.truncated
        self.samples = len(samples)
        self._opening = fitted.opening
        self._samples = samples

    @property
    def completion_tokens(self) -> int:
        """The tokens of all samples so far."""
        return sum(sample.choice.tokens for sample in self._samples)

    async def chunks(self) -> AsyncGenerator[list[Chunk], None]:
        """The answer, as it is generated; closing it ends the generation in the engine."""
        writer = ChunkWriter(self.samples, self._opening, calls=self._calls)
        live = self.samples
        async with aclosing(merge([sample.events() for sample in self._samples])) as samples:
            async for index, events in samples:
                live -= isinstance(events[-1], Done)
                *others, last = events
                usage = None if live else self._usage()
                chunks = [chunk for event in others for chunk in writer.write(index, event)]
                chunks += writer.write(index, last, usage)
                if chunks:
                    yield chunks

    def _usage(self) -> Usage:
        """The tokens of the whole answer."""
        blocks = max(sample.choice.cached_blocks for sample in self._samples)
        return Usage(
            prompt=self.prompt_tokens,
            completion=self.completion_tokens,
            reasoning=sum(sample.choice.thought_tokens for sample in self._samples),
            cached=min(blocks * self.model.manifest.tokens_per_block, self.prompt_tokens - 1),
        )
