"""The line a request walks. Read this file first.

::

    ChatRequest  openai/      what the client said (TextRequest: a text completion)
    -> ids       prompt/      chat template, tokenizer, what fits the context (fitting.py)
    -> Generation             n of them: complete, engine-neutral
    -> Tokens    engines/     as they are generated
    -> text      prompt/      detokenizer
    -> text      stops.py     stop strings
    -> Event     formats/     what the text means
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
from .engines.base import Engine
from .errors import InvalidRequest, UnsupportedParameter
from .events import Done, Event
from .fitting import Fitted, fit
from .generation import Generation
from .merge import merge
from .metrics import RequestMetrics
from .models import ServedModel
from .openai.chat_shape import CHAT
from .openai.chunk import Chunk, ChunkWriter, Head, Usage
from .openai.request import ChatRequest
from .openai.text_request import TextRequest
from .openai.text_shape import TEXT
from .prompt.pool import run
from .prompt.tokenizer import Tokenizer
from .stops import StopStrings

_UINT64 = 2**64


async def prepare(
    request: ChatRequest | TextRequest, model: ServedModel, engine: Engine, metrics: RequestMetrics, size: int = 0
) -> Answer:
    """The request up to where an engine is needed. size: its bytes; long ones are worked on beside the event loop.
    Raises what is wrong with the request: nothing is generated before everything is known to be right."""
    _check_logits(request, model)
    fitted = await run(model.prompter.pool, size, partial(fit, request, model))
    shape = CHAT if isinstance(request, ChatRequest) else TEXT
    head = Head(
        id=f"{shape.id_prefix}{secrets.token_hex(12)}",
        created=int(time.time()),
        model=request.model,
        fingerprint=model.fingerprint,
        log_probs=request.log_probs,
        shape=shape,
    )
    return Answer(head, fitted, _generations(request, model, fitted), request.stop or (), model, engine, metrics)


def _check_logits(request: ChatRequest | TextRequest, model: ServedModel) -> None:
    """Raises for top log-probs of an engine without logits, and for biased ids that the model does not have."""
    if request.top_log_probs and not model.manifest.recipe.engine.logits:
        field = "top_logprobs" if isinstance(request, ChatRequest) else "logprobs"
        raise UnsupportedParameter("This model's engine is built without logits; leave it out.", field)
    last = model.manifest.vocab_size - 1
    for token in request.bias:
        if not 0 <= token <= last:
            raise InvalidRequest(
                f"'logit_bias' names the token {token}, but this model's ids are 0 to {last}.",
                f"logit_bias.{token}",
            )


def _generations(request: ChatRequest | TextRequest, model: ServedModel, fitted: Fitted) -> tuple[Generation, ...]:
    """n samples are n generations with seeds that count up; negative seeds wrap into UINT64."""
    manifest = model.manifest
    seed = secrets.randbits(64) if request.seed is None else request.seed
    words = _stop_words(model.prompter.tokenizer, request.stop or ())
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
            top_log_probs=request.top_log_probs,
            logit_bias=request.bias,
        )
        for index in range(request.n)
    )


def _stop_words(tokenizer: Tokenizer, stop: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """The stop strings as ids: a hint, so that the engine need not be cancelled. A tokenizer that changes its
    input (Unicode normalization) would have it stop at another text: there it gets no hint."""
    words = ((text, tokenizer.encode_plain(text)) for text in stop)
    return tuple(tuple(ids) for text, ids in words if b"".join(map(tokenizer.raw_bytes, ids)) == text.encode())


class Answer:
    """A request that is ready to run. prompt_tokens: what its prompt takes. truncated_tokens: what was cut from
    it."""

    def __init__(
        self,
        head: Head,
        fitted: Fitted,
        generations: tuple[Generation, ...],
        stop: list[str] | tuple[()],
        model: ServedModel,
        engine: Engine,
        metrics: RequestMetrics,
    ) -> None:
        self.head = head
        self.model = model
        self.prompt_tokens = len(fitted.prompt.ids)
        self.truncated_tokens = fitted.prompt.truncated
        self.samples = len(generations)
        self._generations = generations
        self._engine = engine
        self._metrics = metrics
        self._opening = fitted.opening
        start = len(fitted.opening.content or "") if fitted.opening else 0
        stops = StopStrings(stop)
        self._choices = [
            Choice(model.prompter.tokenizer, stops, model.parser(), log_probs=head.log_probs, start=start)
            for _ in generations
        ]

    @property
    def completion_tokens(self) -> int:
        """The tokens of all samples so far."""
        return sum(choice.tokens for choice in self._choices)

    async def chunks(self) -> AsyncGenerator[list[Chunk], None]:
        """The answer, as it is generated; closing it ends the generation in the engine."""
        writer, usage, live = ChunkWriter(self.samples, self._opening), None, self.samples
        async with aclosing(merge([self._sample(index) for index in range(self.samples)])) as samples:
            async for index, events in samples:
                live -= isinstance(events[-1], Done)
                if not live:
                    usage = self._usage()
                yield [chunk for event in events for chunk in writer.write(index, event, usage)]

    async def _sample(self, index: int) -> AsyncGenerator[tuple[int, list[Event]], None]:
        choice = self._choices[index]
        timer = self._metrics.sample()
        async with aclosing(self._engine.generate(self._generations[index])) as stream:
            async for tokens in stream:
                timer.tokens(len(tokens.ids))
                if events := choice.feed(tokens):
                    yield index, events
                if choice.done:
                    return

    def _usage(self) -> Usage:
        """The tokens of the whole answer."""
        blocks = max(choice.cached_blocks for choice in self._choices)
        return Usage(
            prompt=self.prompt_tokens,
            completion=self.completion_tokens,
            cached=min(blocks * self.model.manifest.tokens_per_block, self.prompt_tokens - 1),
        )
