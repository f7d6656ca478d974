"""Text completions on the wire, in OpenAI's old shape; a stream's chunk looks like the whole.

::

    {"index": 0, "text": " Hi", "logprobs": {"tokens": [" Hi"], "token_logprobs": [-0.5], "top_logprobs": null,
     "text_offset": [0]}, "finish_reason": "length"}
"""

from __future__ import annotations

from ..events import LogProb
from .chunk import Chunk, Message


class TextShape:
    """See Shape. Nothing parses a text completion: it has neither thoughts nor calls."""

    id_prefix = "cmpl-forii-"
    whole = "text_completion"
    chunk = "text_completion"
    around_text = around_reasoning = around_arguments = (b',"text":', b',"logprobs":null,"finish_reason":null}')

    def change(self, chunk: Chunk) -> dict[str, object]:
        return self.choice(
            chunk.index, Message(chunk.content, "", (), chunk.log_probs or None, chunk.finish_reason)
        )

    def choice(self, index: int, message: Message) -> dict[str, object]:
        return {
            "index": index,
            "text": message.content or "",
            "logprobs": None if message.log_probs is None else _log_probs_body(message.log_probs),
            "finish_reason": message.finish_reason,
        }


def _log_probs_body(entries: tuple[LogProb, ...]) -> dict[str, object]:
    """top_logprobs: text to log-prob of the most likely tokens, where asked for. text_offset: where in ``text``
    each token begins, in characters."""
    asked = any(entry.top for entry in entries)
    return {
        "tokens": [entry.token for entry in entries],
        "token_logprobs": [entry.value for entry in entries],
        "top_logprobs": [_top_body(entry) for entry in entries] if asked else None,
        "text_offset": [entry.offset for entry in entries],
    }


def _top_body(entry: LogProb) -> dict[str, float | None] | None:
    """None for an echoed token, which has no log-probs."""
    return {other.token: other.value for other in entry.top} or None


TEXT = TextShape()
