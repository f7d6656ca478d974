"""A proxy that is told to stop: what still comes is refused, what runs goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from proxy.app import create_app
from proxy.drain import Drain
from proxy.engines.scripted import ScriptedEngine
from proxy.settings import Settings
from tests.proxy import chat
from tests.proxy.scripts import never_ends, says
from tests.proxy.served import soon


async def test_what_runs_goes_on_and_what_comes_is_refused(byte_build: Path) -> None:
    drain = Drain()
    engine = ScriptedEngine(says("abc", pause=0.1))
    app = create_app(Settings(models=(byte_build,), max_running=1), engine, drain)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://p") as client,
    ):
        running, waiting = (asyncio.ensure_future(client.post(chat.URL, json=chat.body())) for _ in range(2))
        await soon(lambda: bool(engine.asked))
        drain.begin()
        refused = await client.post(chat.URL, json=chat.body())
        error = chat.error(refused)
        assert (refused.status_code, error["code"]) == (503, "model_unavailable")
        assert refused.headers["Retry-After"]
        assert refused.headers["Connection"] == "close"
        assert refused.headers["x-request-id"]
        paths = ("/health/ready", "/health/live", "/metrics", "/v1/models")
        assert [(await client.get(path)).status_code for path in paths] == [503, 200, 200, 503]
        answers = [(await one).json()["choices"][0]["message"]["content"] for one in (running, waiting)]
        assert answers == ["abc", "abc"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("place", ["runs", "waits"])
async def test_one_that_is_cut_off_is_told_why(byte_build: Path, stream: bool, place: str) -> None:
    """By cancelling it, as the server does when the time of the drain is up."""
    engine = ScriptedEngine(never_ends())
    app = create_app(Settings(models=(byte_build,), max_running=1), engine)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://p") as client,
    ):
        first = asyncio.ensure_future(client.post(chat.URL, json=chat.body(stream=stream)))
        await soon(lambda: engine.running == 1)
        await asyncio.sleep(0.05)
        cut = first
        if place == "waits":
            cut = asyncio.ensure_future(client.post(chat.URL, json=chat.body(stream=stream)))
            await asyncio.sleep(0.05)
        cut.cancel()
        answer = await cut
        assert answer.status_code == (200 if stream and place == "runs" else 503)
        assert "model_unavailable" in answer.text
        if place == "waits":
            first.cancel()
            await first
    assert engine.running == 0


async def test_one_that_is_cut_off_while_it_sends_is_told_why(byte_build: Path) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    app = create_app(Settings(models=(byte_build,)), ScriptedEngine(never_ends()))
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://p") as client,
    ):
        headers = {"Content-Type": "application/json"}
        sending = asyncio.ensure_future(client.post(chat.URL, content=slowly(), headers=headers))
        await asyncio.sleep(0.1)
        sending.cancel()
        answer = await sending
    assert answer.status_code == 503
    assert chat.error(answer)["code"] == "model_unavailable"
