"""A grammar in, what the engine made of it out: when each token came, and the text so far."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import pairwise

from proxy.engines.triton import TritonEngine
from proxy.errors import ForiiError
from proxy.generation import Generation, Guide, Sampling, Tokens
from proxy.models import ServedModel

_SAMPLING = Sampling(0.8, 0.95, 0, 1.0, 0.0, 0.0)
_PATIENCE = 30.0  # seconds for one answer
_HEALS_WITHIN = 60.0  # seconds: an engine that was ruined starts anew
_QUESTION = "Make up some data, as true to life as you can, and answer with the JSON of it, nothing else."


@dataclass(frozen=True, slots=True)
class Answer:
    """first: seconds from the request to the first token. gaps: seconds from each token to the next. whole: it
    ended by itself. failure: why there is none, or empty."""

    first: float = 0.0
    gaps: tuple[float, ...] = ()
    text: str = ""
    whole: bool = False
    failure: str = ""

    def or_faster(self, other: Answer) -> Answer:
        """This answer with the shorter of the two times of every token: what another program on the machine
        held up once is not held up twice. other: the same answer, given again."""
        if other.text != self.text or len(other.gaps) != len(self.gaps):
            return self
        return replace(self, gaps=tuple(map(min, self.gaps, other.gaps)))


class Asker:
    """Asks one question under many grammars, one at a time. tokens: that an answer may have."""

    def __init__(self, engine: TritonEngine, model: ServedModel, tokens: int) -> None:
        self._engine = engine
        self._model = model
        self._tokens = tokens
        messages = [{"role": "user", "content": _QUESTION}]
        self._prompt = model.prompter.of_messages(messages, model.manifest.context, truncate=False).ids

    async def ask(self, ebnf: str | None, seed: int = 1) -> Answer:
        """The answer under this grammar; None: under none."""
        guide = None if ebnf is None else Guide("ebnf_grammar", ebnf)
        try:
            async with aclosing(self._engine.generate(self._generation(guide, seed))) as stream:
                return await asyncio.wait_for(self._read(stream), _PATIENCE)
        except (ForiiError, asyncio.TimeoutError) as error:
            await self._healed()
            return Answer(failure=f"{type(error).__name__}: {error}")

    async def _read(self, stream: AsyncGenerator[Tokens, None]) -> Answer:
        times = [time.perf_counter()]
        ids: list[int] = []
        whole = False
        async for tokens in stream:
            now, count = time.perf_counter(), len(tokens.ids)
            # Tokens that came together share the time since the last ones.
            times += [times[-1] + (now - times[-1]) * (i + 1) / count for i in range(count)]
            ids += tokens.ids
            whole = tokens.finish == "stop"
        if not ids:
            return Answer(failure="no token at all")
        gaps = tuple(b - a for a, b in pairwise(times[1:]))
        text = b"".join(map(self._model.prompter.tokenizer.raw_bytes, ids)).decode(errors="ignore")
        return Answer(times[1] - times[0], gaps, text, whole)

    async def _healed(self) -> None:
        deadline = time.monotonic() + _HEALS_WITHIN
        while not await self._engine.ready(self._model.manifest.triton_model):
            if time.monotonic() > deadline:
                raise RuntimeError("the engine did not come back after a grammar that it could not bear")
            await asyncio.sleep(0.2)

    def _generation(self, guide: Guide | None, seed: int) -> Generation:
        manifest = self._model.manifest
        return Generation(
            request_id=secrets.token_hex(16),
            model=manifest.triton_model,
            prompt=self._prompt,
            max_tokens=self._tokens,
            end_ids=manifest.end_ids,
            pad_id=manifest.pad_id,
            vocab_size=manifest.vocab_size,
            stop_words=(),
            sampling=_SAMPLING,
            seed=seed,
            log_probs=False,
            guide=guide,
        )
