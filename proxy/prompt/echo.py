"""A prompt in, the beginning of an answer that repeats it out."""

from __future__ import annotations

from ..events import Content, LogProb
from .detokenizer import Detokenizer
from .prompt import Prompt
from .tokenizer import Tokenizer


def echo(prompt: Prompt, tokenizer: Tokenizer, *, log_probs: bool) -> Content:
    """prompt: one that was given as text or ids. log_probs: whether its tokens are listed; they have no values,
    for no engine computes them."""
    entries = []
    if log_probs:
        detokenizer, offset = Detokenizer(tokenizer.bytes_of), 0
        for token in prompt.ids:
            entries.append(LogProb(tokenizer.text_of(token), tokenizer.raw_bytes(token), None, offset=offset))
            offset += len(detokenizer.feed(token))
    text = tokenizer.decode(prompt.ids) if prompt.text is None else prompt.text
    return Content(text, tuple(entries))
