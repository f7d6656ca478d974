"""What the tokens of a stream wait for while the proxy prepares somebody else's long prompt, over HTTP and gRPC::

| beside it | tokens | answered after, ms | longest gap between two tokens, ms |
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

# Milliseconds from one token of the stream to the next.
PACE = 20
ROUNDS = 10
HEAD = (
    f"| beside a stream of a token every {PACE} ms | its tokens | answered after, ms "
    f"| longest gap of the stream's tokens, ms: best and median of {ROUNDS} |\n|---|---|---|---|\n"
)
_WORDS = "word दुनिया, don't <b>x</b>; "
_TALK = "word word, don't <b>x</b>;"
_CHAT, _TEXT = "/inference/v1/chat/completions", "/inference/v1/completions"
# Tokens of the stream before the long prompt is sent; it goes on until that is answered.
_BEFORE = 10
_QUIET = 1.0  # seconds, where nothing is sent

LONG: dict[str, tuple[str, Mapping[str, object]]] = {
    "one message": (_CHAT, {"messages": [{"role": "user", "content": _WORDS * 5300}]}),
    "6,000 messages": (
        _CHAT,
        {"messages": [{"role": ("user", "assistant")[turn % 2], "content": _TALK} for turn in range(6001)]},
    ),
    "token ids": (_TEXT, {"prompt": [1000 + number % 40_000 for number in range(100_000)]}),
}


@dataclass(frozen=True)
class Row:
    """tokens: of the long prompt. answered, best, median: ms."""

    beside: str
    tokens: int
    answered: float
    best: float
    median: float

    def __str__(self) -> str:
        return f"| {self.beside} | {self.tokens:,} | {self.answered:.0f} | {self.best:.1f}, {self.median:.1f} |\n"


async def rows(address: str, model: str) -> list[Row]:
    """address: HOST:PORT of a proxy whose engine gives out a token every PACE ms."""
    found = []
    for beside, (path, fields) in {"nothing": ("", {}), **LONG}.items():
        rounds = [await _round(address, model, path, fields) for _ in range(ROUNDS)]
        longest = sorted(gap for gap, _, _ in rounds)
        answered = sorted(seconds for _, seconds, _ in rounds)[ROUNDS // 2]
        found.append(Row(beside, rounds[0][2], 1000 * answered, 1000 * longest[0], 1000 * longest[ROUNDS // 2]))
    return found


async def _round(address: str, model: str, path: str, fields: Mapping[str, object]) -> tuple[float, float, int]:
    """The longest gap while the long prompt was worked on, how long that took, in seconds; and its tokens."""
    story = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3000, "stream": True}
    reader, writer = await _ask(address, _CHAT, {"model": model, **story})
    for _ in range(_BEFORE):
        await reader.read(65536)
    came = [time.perf_counter()]
    reading = asyncio.ensure_future(_times(reader, came))
    sent, tokens = time.perf_counter(), 0
    if path:
        tokens = await _prompt_tokens(address, path, {"model": model, "max_tokens": 1, **fields})
    else:
        await asyncio.sleep(_QUIET)
    seconds = time.perf_counter() - sent
    await asyncio.sleep(0.1)
    reading.cancel()
    writer.close()
    gaps = [later - one for one, later in itertools.pairwise(came) if later > sent]
    return max(gaps), seconds, tokens


async def _ask(
    address: str, path: str, body: Mapping[str, object]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    writer.write(head.encode() + data)
    return reader, writer


async def _times(reader: asyncio.StreamReader, came: list[float]) -> None:
    """Notes when there was something to read."""
    while await reader.read(65536):
        came.append(time.perf_counter())


async def _prompt_tokens(address: str, path: str, body: Mapping[str, object]) -> int:
    """Of a prompt, with those that were cut from it. Raises RuntimeError for one that is not answered."""
    reader, writer = await _ask(address, path, body)
    answer = (await reader.read()).decode()
    writer.close()
    status, *lines = answer.partition("\r\n\r\n")[0].split("\r\n")
    if " 200 " not in status:
        raise RuntimeError(answer)
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(headers["x-forii-prompt-tokens"]) + int(headers["x-forii-truncated-tokens"])
