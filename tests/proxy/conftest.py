"""The proxy over a scripted engine, as fixtures."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from proxy.engines.scripted import Script, ScriptedEngine, echo
from proxy.prompt.tokenizer import Tokenizer
from tests.proxy.byte_model import write_build
from tests.proxy.served import ALIAS, MODEL, Live, Serve, Served, ServeLive, make_app, on_a_port


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of this machine reaches a test."""
    for name in [name for name in os.environ if name.startswith("FORII_") and name != "FORII_STATE"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def byte_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_build(tmp_path_factory.mktemp("builds") / "bytes", MODEL, (ALIAS,))


@pytest.fixture(scope="session")
def byte_tokenizer(byte_build: Path) -> Tokenizer:
    return Tokenizer(byte_build / "tokenizer")


@pytest.fixture
async def serve(byte_build: Path) -> AsyncIterator[Serve]:
    """``serve(script, setting=...)``: a Served. build: in place of the byte model's."""
    async with AsyncExitStack() as stack:

        async def close(app: FastAPI) -> None:
            # First, or its beginning would warm up what compiles.
            app.state.services.schemas.close()
            async with app.router.lifespan_context(app):
                """Its end lets go of the prompt threads."""

        def start(script: Script = echo, build: Path = byte_build, **settings: object) -> Served:
            engine = ScriptedEngine(script)
            app = make_app(engine, build, settings)
            transport = httpx2.ASGITransport(app)
            client = httpx2.AsyncClient(transport=transport, base_url="http://proxy")
            stack.push_async_callback(close, app)
            stack.push_async_callback(client.aclose)
            return Served(client, engine)

        yield start


@pytest.fixture
def serve_live(byte_build: Path) -> Iterator[ServeLive]:
    """``serve_live(script, setting=...)``: a Live."""
    with ExitStack() as stack:

        def start(script: Script = echo, **settings: object) -> Live:
            engine = ScriptedEngine(script)
            address = stack.enter_context(on_a_port(make_app(engine, byte_build, settings)))
            return Live(address, engine)

        yield start
