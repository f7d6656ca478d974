"""A proxy over a scripted engine: in this process, or on a port where connections matter."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import uvicorn
from fastapi import FastAPI

from proxy.app import create_app
from proxy.engines.scripted import ScriptedEngine
from proxy.settings import Settings

MODEL = "forii/bytes"
ALIAS = "bytes"


class Served(NamedTuple):
    """A proxy in this process and who generates for it."""

    client: httpx2.AsyncClient
    engine: ScriptedEngine


class Live(NamedTuple):
    """A proxy on a port of 127.0.0.1."""

    address: tuple[str, int]
    engine: ScriptedEngine

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"


Serve = Callable[..., Served]
ServeLive = Callable[..., Live]


def make_app(engine: ScriptedEngine, build: Path, settings: dict[str, object]) -> FastAPI:
    """Its database is in the test's own folder, which is the working directory."""
    given = {"models": (build,), "state": Path.cwd() / "state", **settings}
    return create_app(Settings.model_validate(given), engine)


@contextmanager
def on_a_port(app: FastAPI) -> Iterator[tuple[str, int]]:
    """Serves the app from a thread until the block ends."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=3)
        )
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "uvicorn ended"
                time.sleep(0.005)
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


def eventually(holds: Callable[[], bool], within: float) -> bool:
    """Whether it comes true within so many seconds."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


async def soon(holds: Callable[[], bool]) -> None:
    """Waits in this process until it holds. Raises AssertionError after five seconds."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it does not come true")
