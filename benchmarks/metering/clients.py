"""Clients: a request's number in, how it went out. They speak HTTP/1.1 by hand, so that they cost little."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Literal

from benchmarks.metering.asked import asked
from benchmarks.metering.proxy import KEY

How = Literal["answered", "failed", "left", "cut"]

_PATH = "/inference/v1/chat/completions"
_CONNECT_AGAIN_SECONDS = 0.1
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Outcome:
    """answered: with a 200 and to its end. failed: with an error that the proxy told. left: the client went away.
    cut: the connection ended in the middle. proxy: which one was asked. ended: when, of time.monotonic."""

    number: int
    how: How
    proxy: int
    ended: float


async def ask(number: int, proxy: int, port: int, model: str) -> Outcome:
    """Asks once; connects as often as it takes."""
    reader, writer = await _connect(port)
    what = asked(number)
    data = json.dumps(what.body(model)).encode()
    head = (
        f"POST {_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    try:
        writer.write(head.encode() + data)
        how = await asyncio.wait_for(_read(reader, what.leaves_after), _PATIENCE_SECONDS)
    except (ConnectionError, asyncio.IncompleteReadError):
        how = "cut"
    finally:
        writer.transport.abort()
    return Outcome(number, how, proxy, time.monotonic())


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_CONNECT_AGAIN_SECONDS)


async def _read(reader: asyncio.StreamReader, leaves_after: int | None) -> How:
    head = await reader.readuntil(b"\r\n\r\n")
    if b"content-length: " in head.lower():
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        return "answered" if b" 200 " in head else "failed"
    seen, failed = 0, False
    while line := await reader.readline():
        if line == b"data: [DONE]\n":
            await reader.readuntil(b"0\r\n\r\n")
            return "failed" if failed else "answered"
        failed = failed or line.startswith(b'data: {"error"')
        seen += line.startswith(b"data: ")
        if leaves_after is not None and seen > leaves_after:
            return "left"
    return "cut"
