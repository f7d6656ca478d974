"""Chunks in, the bytes of server-sent events out.

::

    data: {"id":"chatcmpl-forii-...","object":head.shape.chunk,...,"choices":[...]}

What the chunks of an answer have in common is written once, so that a token costs the encoding of its text.
"""

from __future__ import annotations

from typing import Literal

import orjson

from ..errors import ForiiError
from .chunk import Chunk, Head

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
        self._shape = head.shape
        self._open = orjson.dumps(
            {
                "id": head.id,
                "object": head.shape.chunk,
                "created": head.created,
                "model": head.model,
                "system_fingerprint": head.fingerprint,
            }
        )
        self._open = b"data: " + self._open[:-1] + b',"choices":['
        no_usage = b',"usage":null' if usage_mode == "separate" else b""
        self._close = b"]" + no_usage + b"}\n\n"

    def encode(self, chunk: Chunk) -> bytes:
        """The event, or two where the usage travels apart."""
        if chunk.finish_reason is None and not chunk.log_probs and not chunk.role:
            if chunk.content is not None:
                return self._fragment(chunk.index, self._shape.around_text, chunk.content)
            if chunk.reasoning is not None:
                return self._fragment(chunk.index, self._shape.around_reasoning, chunk.reasoning)
            if chunk.call is not None and chunk.call.id is None:
                before, after = self._shape.around_arguments
                around = before.replace(b"%d", b"%d" % chunk.call.index), after
                return self._fragment(chunk.index, around, chunk.call.arguments)
        return self._whole(chunk)

    def _fragment(self, index: int, around: tuple[bytes, bytes], text: str) -> bytes:
        """What adds a piece of text and nothing else: most of all chunks."""
        before, after = around
        return b'%b{"index":%d%b%b%b%b' % (self._open, index, before, orjson.dumps(text), after, self._close)

    def _whole(self, chunk: Chunk) -> bytes:
        event = self._open + orjson.dumps(self._shape.change(chunk))
        if chunk.usage is None or self._mode == "none":
            return event + self._close
        usage = b'],"usage":' + orjson.dumps(chunk.usage.to_body()) + b"}\n\n"
        if self._mode == "inline":
            return event + usage
        return event + self._close + self._open + usage
