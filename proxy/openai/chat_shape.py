"""Chat completions on the wire. Source: API contract, sections 3 and 4.

::

    {"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": null}, "logprobs": null, ...}
    {"index": 0, "delta": {"content": "Hi"}, "logprobs": null, "finish_reason": null}
"""

from __future__ import annotations

from ..events import LogProb
from .chunk import Chunk, log_probs_body


class ChatShape:
    """See Shape."""

    id_prefix = "chatcmpl-forii-"
    whole = "chat.completion"
    chunk = "chat.completion.chunk"
    around_text = (b',"delta":{"content":', b'},"logprobs":null,"finish_reason":null}')

    def change(self, chunk: Chunk) -> dict[str, object]:
        delta: dict[str, object] = {}
        if chunk.role:
            delta["role"] = "assistant"
        if chunk.content is not None:
            delta["content"] = chunk.content
        return {
            "index": chunk.index,
            "delta": delta,
            "logprobs": log_probs_body(chunk.log_probs) if chunk.log_probs else None,
            "finish_reason": chunk.finish_reason,
        }

    def choice(
        self, index: int, text: str, log_probs: tuple[LogProb, ...] | None, finish_reason: str | None
    ) -> dict[str, object]:
        return {
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": None if log_probs is None else log_probs_body(log_probs),
            "finish_reason": finish_reason,
        }


CHAT = ChatShape()
