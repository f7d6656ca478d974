"""Everything about one model's prompts in one place: messages in, ids out, on the event loop or off it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .template import ChatTemplate
from .tokenizer import Tokenizer

# Rendering and tokenizing less than this takes under 5 ms, and a thread costs more than it saves.
_INLINE_CHARACTERS = 8_000


class Prompter:
    """A model's tokenizer and template. folder: as a build leaves it (``tokenizer/``). vocab_size: see Tokenizer.
    pool: where long prompts are rendered, so that they do not hold up the tokens of others."""

    def __init__(self, folder: Path, vocab_size: int, pool: ThreadPoolExecutor) -> None:
        self.tokenizer = Tokenizer(folder, vocab_size)
        self._template = ChatTemplate(folder, self.tokenizer)
        self._pool = pool

    async def encode(self, messages: Sequence[Mapping[str, object]]) -> list[int]:
        """The prompt's ids. Raises InvalidRequest for messages that the template refuses."""
        if _characters(messages) <= _INLINE_CHARACTERS:
            return self._template.encode(messages)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._template.encode, messages)


def _characters(value: object) -> int:
    """How much text there is; a key or a message counts, so that many small ones do too."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return 8 + sum(_characters(inner) for inner in value.values())
    if isinstance(value, Sequence):
        return sum(16 + _characters(inner) for inner in value)
    return 1
