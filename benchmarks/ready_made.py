"""The floor above the proxy: an ASGI application that sends ready-made chunks under the proxy's own server.

``python -m benchmarks.ready_made PACE_MS`` prints ``ready HOST:PORT``. The body of a request says how many
tokens: ``{"max_tokens": 100}``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time

import uvicorn
from starlette.types import Receive, Scope, Send

_CHUNK = (
    b'data: {"id":"chatcmpl-forii-0123456789abcdef01234567","object":"chat.completion.chunk","created":1700000000,'
    b'"model":"forii/smollm2-135m","system_fingerprint":"fp_0123456789ab","choices":[{"index":0,"delta":'
    b'{"content":" word"},"logprobs":null,"finish_reason":null}]}\n\n'
)


class _ReadyMade:
    """pace: seconds between two chunks of a stream; at 0 each one lets the others have their turn."""

    def __init__(self, pace: float) -> None:
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        count = json.loads(message["body"])["max_tokens"]
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        due = time.monotonic()
        for _ in range(count):
            due += self._pace
            await asyncio.sleep(due - time.monotonic() if self._pace else 0)
            await send({"type": "http.response.body", "body": _CHUNK, "more_body": True})
        end = b'data: {"choices":[],"usage":{"completion_tokens":%d}}\n\ndata: [DONE]\n\n' % count
        await send({"type": "http.response.body", "body": end, "more_body": False})


def main(pace_ms: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        config = uvicorn.Config(
            _ReadyMade(float(pace_ms) / 1000), log_config=None, lifespan="off", access_log=False
        )
        sys.stdout.write(f"ready 127.0.0.1:{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
