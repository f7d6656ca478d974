"""Chunks in, the bytes of server-sent events out.

::

    data: {"id":"chatcmpl-forii-...","object":"chat.completion.chunk",...,"choices":[...]}

What the chunks of an answer have in common is written once, so that a token costs the encoding of its text.
"""

from __future__ import annotations

from typing import Literal

import orjson

from ..errors import ForiiError
from .chunk import Chunk, Head, log_probs_body

# How usage travels: in the chunk of the last finish reason, in one more chunk without choices, or not at all.
UsageMode = Literal["inline", "separate", "none"]

KEEP_ALIVE = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"


def error_event(error: ForiiError) -> bytes:
    """The end of a stream that failed after its status line was sent."""
    return b"data: " + orjson.dumps(error.to_body()) + b"\n\n" + DONE


class SseEncoder:
    """Encodes the chunks of one answer."""

    def __init__(self, head: Head, usage_mode: UsageMode) -> None:
        self._mode = usage_mode
        self._log_probs = head.log_probs
        self._open = orjson.dumps(
            {
                "id": head.id,
                "object": "chat.completion.chunk",
                "created": head.created,
                "model": head.model,
                "system_fingerprint": head.fingerprint,
            }
        )
        self._open = b"data: " + self._open[:-1] + b',"choices":['
        no_usage = b',"usage":null' if usage_mode == "separate" else b""
        self._close = b"]" + no_usage + b"}\n\n"
        self._after_text = b'},"logprobs":null,"finish_reason":null}' + self._close

    def encode(self, chunk: Chunk) -> bytes:
        """The event, or two where the usage travels apart."""
        if chunk.finish_reason is None and not chunk.log_probs and not chunk.role:
            return b'%b{"index":%d,"delta":{"content":%b%b' % (
                self._open,
                chunk.index,
                orjson.dumps(chunk.content),
                self._after_text,
            )
        event = self._open + orjson.dumps(self._choice(chunk))
        if chunk.usage is None or self._mode == "none":
            return event + self._close
        usage = b'],"usage":' + orjson.dumps(chunk.usage.to_body()) + b"}\n\n"
        if self._mode == "inline":
            return event + usage
        return event + self._close + self._open + usage

    def _choice(self, chunk: Chunk) -> dict[str, object]:
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
