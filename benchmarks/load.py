"""Streams over raw HTTP/1.1, read so cheaply that the client is not what is measured. In a process of its own::

    python -m benchmarks.load http://HOST:PORT/PATH STREAMS REQUESTS BODY

keeps STREAMS connections busy until each has had REQUESTS answers to the JSON text BODY; prints a Load as JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast
from urllib.parse import urlsplit

import uvloop

_TOKENS = re.compile(rb'"completion_tokens":(\d+)')
_CONTENT = re.compile(rb'"content":"[^"]')
_OK = b"HTTP/1.1 200"
_END = b"data: [DONE]\n\n"
_LAST_CHUNK = b"0\r\n\r\n"
_LIMIT = 120.0  # seconds for all answers
_SHOWN = 600  # bytes of an answer that went wrong


@dataclass(frozen=True)
class Load:
    """What came of it. tokens: as the usage says. chunks: events with text. first_ms: the median time to the first
    event. seconds: from the first request to the last answer. fault: how the first bad answer looked."""

    requests: int
    tokens: int
    chunks: int
    errors: int
    first_ms: float
    seconds: float
    fault: str = ""


class _Answers(asyncio.Protocol):
    """One connection: a request, its answer to the end, the next request."""

    def __init__(self, request: bytes, count: int) -> None:
        self._request = request
        self._left = count
        self._waits = True
        self._sent = 0.0
        self._parts: list[bytes] = []
        self.first: list[float] = []
        self.tokens = 0
        self.chunks = 0
        self.faults: list[str] = []
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it
        self._next()

    def data_received(self, data: bytes) -> None:
        if self._waits and b"data: " in data:
            self._waits = False
            self.first.append(time.perf_counter() - self._sent)
        self._parts.append(data)
        # The end of chunked encoding may arrive in pieces; an error has no chunks.
        if b"".join(self._parts[-2:]).endswith(_LAST_CHUNK) or not self._parts[0].startswith(_OK):
            self._take(b"".join(self._parts))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.faults.append(f"the connection ended: {b''.join(self._parts)[:_SHOWN]!r}")
            self.done.set_result(None)

    def _next(self) -> None:
        self._left -= 1
        self._waits = True
        self._parts.clear()
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def _take(self, answer: bytes) -> None:
        said = _TOKENS.search(answer)
        if answer.startswith(_OK) and _END in answer and said:
            self.tokens += int(said[1])
            self.chunks += len(_CONTENT.findall(answer))
        else:
            self.faults.append(repr(answer[:_SHOWN]))
        if self._left:
            self._next()
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()


async def load(url: str, streams: int, requests: int, body: str) -> Load:
    """Runs the load. body: JSON text."""
    parts = urlsplit(url)
    data = body.encode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    assert parts.hostname is not None
    assert parts.port is not None
    started = time.perf_counter()
    loop = asyncio.get_running_loop()
    pairs = [
        await loop.create_connection(lambda: _Answers(head.encode() + data, requests), parts.hostname, parts.port)
        for _ in range(streams)
    ]
    answers = [protocol for _, protocol in pairs]
    await asyncio.wait_for(asyncio.gather(*(one.done for one in answers)), _LIMIT)
    faults = [fault for one in answers for fault in one.faults]
    return Load(
        requests=streams * requests,
        tokens=sum(one.tokens for one in answers),
        chunks=sum(one.chunks for one in answers),
        errors=len(faults),
        first_ms=1000 * statistics.median([first for one in answers for first in one.first] or [0.0]),
        seconds=time.perf_counter() - started,
        fault=faults[0] if faults else "",
    )


def main(url: str, streams: str, requests: str, body: str) -> None:
    sys.stdout.write(json.dumps(asdict(uvloop.run(load(url, int(streams), int(requests), body)))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
