"""The socket over which the served models are changed, in front of a proxy in this process."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
import pytest_asyncio

from launcher.control import Control, ControlSocket, NotChanged, ask
from launcher.triton import TritonError
from proxy.app import create_app
from proxy.engines.scripted import ScriptedEngine
from proxy.generation import Generation, Tokens
from proxy.settings import Settings
from tests.proxy.byte_model import write_build

PORT = 18080


class FakeTriton:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.refuses = False
        self.keeps = False

    def load(self, build: Path) -> None:
        if self.refuses:
            raise TritonError("Triton cannot load it: no weights")
        self.told.append(("load", build.name))

    def unload(self, build: Path) -> None:
        if self.keeps:
            raise TritonError("Triton cannot unload it: it is away")
        self.told.append(("unload", build.name))


class Running(NamedTuple):
    """A proxy whose models can be changed. go: lets the answers of the engine end."""

    client: httpx2.AsyncClient
    triton: FakeTriton
    cache: Path
    go: asyncio.Event

    async def change(self, **what: str) -> str:
        return await asyncio.to_thread(ask, self.cache, PORT, what)

    async def served(self) -> list[str]:
        listed = (await self.client.get("/v1/models")).json()
        return [model["id"] for model in listed["data"]]

    async def chat(self, model: str) -> httpx2.Response:
        messages = [{"role": "user", "content": "hi"}]
        return await self.client.post("/v1/chat/completions", json={"model": model, "messages": messages})


class _Held(ScriptedEngine):
    """Ends its answers when it may."""

    def __init__(self, go: asyncio.Event) -> None:
        super().__init__(lambda _: [Tokens((104,), finish="stop")])
        self._go = go

    async def generate(self, generation: Generation) -> AsyncGenerator[Tokens, None]:
        self.running += 1
        await self._go.wait()
        self.running -= 1
        yield Tokens((104,), finish="stop")


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    build = write_build(tmp_path / "first", "forii/first", ("one",))
    go, triton = asyncio.Event(), FakeTriton()
    app = create_app(Settings(models=(build,), cache=tmp_path), _Held(go))
    control = ControlSocket(Control(app.state.services, triton), tmp_path, PORT)
    await control.open()
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://proxy")
    async with app.router.lifespan_context(app), client:
        yield Running(client, triton, tmp_path, go)
    control.close()
    assert list((tmp_path / "control").iterdir()) == []


async def test_a_model_is_served_from_its_load_to_its_unload(running: Running, tmp_path: Path) -> None:
    running.go.set()
    build = write_build(tmp_path / "second", "forii/second", ("two",))
    assert (await running.chat("two")).status_code == 404
    assert await running.change(load=str(build)) == "forii/second"
    assert await running.served() == ["forii/first", "forii/second"]
    answer = await running.chat("two")
    assert (answer.status_code, answer.headers["x-forii-model"]) == (200, "forii/second")
    assert await running.change(unload="two") == "forii/second"
    assert (await running.chat("forii/second")).status_code == 404
    assert await running.served() == ["forii/first"]
    assert running.triton.told == [("load", "second"), ("unload", "second")]


async def test_an_unload_waits_for_the_requests_that_found_the_model(running: Running) -> None:
    answering = asyncio.ensure_future(running.chat("one"))
    await asyncio.sleep(0.1)
    unloading = asyncio.ensure_future(running.change(unload="one"))
    await asyncio.sleep(0.1)
    assert not unloading.done()
    assert running.triton.told == []
    refused = await running.chat("forii/first")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    running.go.set()
    assert (await answering).json()["choices"][0]["message"]["content"] == "h"
    assert await asyncio.wait_for(unloading, 5) == "forii/first"
    assert running.triton.told == [("unload", "first")]


async def test_a_model_that_triton_keeps_is_served_on_and_can_be_unloaded_later(running: Running) -> None:
    running.go.set()
    running.triton.keeps = True
    with pytest.raises(NotChanged, match=r"it is away; forii/first is served as before"):
        await running.change(unload="one")
    assert await running.served() == ["forii/first"]
    assert (await running.chat("one")).status_code == 200
    running.triton.keeps = False
    assert await running.change(unload="one") == "forii/first"
    assert (await running.chat("one")).status_code == 404


async def test_what_cannot_be_done_is_told_and_changes_nothing(running: Running, tmp_path: Path) -> None:
    twin = write_build(tmp_path / "twin", "forii/twin", ("one",))
    with pytest.raises(NotChanged, match="called 'one'"):
        await running.change(load=str(twin))
    with pytest.raises(NotChanged, match="no finished build"):
        await running.change(load=str(tmp_path))
    with pytest.raises(NotChanged, match="'forii/nobody' is not served"):
        await running.change(unload="forii/nobody")
    running.triton.refuses = True
    with pytest.raises(NotChanged, match="no weights"):
        await running.change(load=str(write_build(tmp_path / "broken", "forii/broken")))
    with pytest.raises(NotChanged, match="send load or unload"):
        await running.change(reload="one")
    assert await running.served() == ["forii/first"]
    assert running.triton.told == []


async def test_only_the_owner_can_reach_it_and_junk_is_answered(running: Running) -> None:
    folder = running.cache / "control"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def send_junk() -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(folder / f"{PORT}.sock"))
            connection.sendall(b"GET / HTTP/1.1\r\n")
            return connection.recv(1000)

    assert "error" in json.loads(await asyncio.to_thread(send_junk))


def test_a_command_without_a_server_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotChanged, match=r"no `forii serve` of yours .* on port 9"):
        ask(tmp_path, 9, {"unload": "x"})


async def test_what_a_killed_server_left_is_no_hindrance(tmp_path: Path, running: Running) -> None:
    folder = running.cache / "control"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "7.sock"))
    services = create_app(
        Settings(models=(write_build(tmp_path / "b"),)), ScriptedEngine(lambda _: [])
    ).state.services
    control = ControlSocket(Control(services, FakeTriton()), running.cache, 7)
    await control.open()
    with pytest.raises(NotChanged, match="not served"):
        await asyncio.to_thread(ask, running.cache, 7, {"unload": "x"})
    control.close()
    services.pool.shutdown()
