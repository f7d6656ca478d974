"""Work on prompts in, its result out: short ones on the event loop, long ones beside it.

A stream's token may wait 5 ms for a long prompt, no more. The tokenizer lets go of the interpreter's lock while it
works (``tokenizer.py``); what is Python (templates, parsing) gives it up after a switch interval (see
``interpreter.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

# How many long requests are worked on at once.
THREADS = 2
# Rendering and tokenizing less than this takes under 5 ms, and a thread costs more than it saves.
_INLINE_CHARACTERS = 8_000


def prompt_pool() -> ThreadPoolExecutor:
    """The threads for long prompts."""
    return ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="prompt")


def is_long(characters: int) -> bool:
    """Whether work about so much text belongs into a thread."""
    return characters > _INLINE_CHARACTERS


async def run(pool: ThreadPoolExecutor, characters: int, work: Callable[[], Result]) -> Result:
    """What work returns or raises. characters: how much text it is about, roughly."""
    if not is_long(characters):
        return work()
    return await asyncio.get_running_loop().run_in_executor(pool, work)
