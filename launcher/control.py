"""``forii models load`` and ``unload``: one JSON line in, one JSON line out, over a socket in the cache folder.

::

    -> {"load": "/path/of/a/finished/build"}     -> {"unload": "forii/smollm2-135m"}
    <- {"done": "forii/smollm2-135m"}            <- {"error": "what to change"}

A Unix socket in a folder that only its owner can enter (``<cache>/control/<port>.sock``): no web page, no other
user and no other machine can reach it, and so it needs no key and no setting. Building stays with the command,
where the person sees it; here a finished build is read in a thread, loaded into Triton, and only then found by
requests.

A model that is unloaded is not found from that moment on (404). Requests that found it before it finish first;
their room bounds how long that takes. If Triton then fails to unload it, it is found again. Changes happen one
after another, in the order in which they came.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from pathlib import Path
from typing import Protocol

from build_engines.recipe import RecipeError
from launcher.triton import TritonError
from proxy.errors import ForiiError
from proxy.models import load_model
from proxy.services import Services

logger = logging.getLogger(__name__)


class Triton(Protocol):
    """Who runs the models; the methods block."""

    def load(self, build: Path) -> None: ...

    def unload(self, build: Path) -> None: ...


class NotChanged(RuntimeError):
    """The models that are served could not be changed; the message says why."""


class Control:
    """Changes what a running proxy serves."""

    def __init__(self, services: Services, triton: Triton) -> None:
        self._services = services
        self._triton = triton
        self._one = asyncio.Lock()

    async def load(self, build: Path) -> str:
        """Serves one more build; returns its id. Raises what reading and loading it raise, and then nothing has
        changed."""
        async with self._one:
            model = await asyncio.to_thread(load_model, build, self._services.pool)
            self._services.catalog.check_free(model)
            await asyncio.to_thread(self._triton.load, build)
            self._services.catalog.add(model)
            logger.info("loaded", extra={"model": model.id})
            return model.id

    async def unload(self, name: str) -> str:
        """Serves the model no more; returns its id when the last request for it is over and its memory is free.
        Raises ModelNotFound, and TritonError where Triton keeps the model: then it is served again."""
        async with self._one:
            model = self._services.catalog.find(name)
            self._services.catalog.remove(model)
            await self._services.catalog.unused(model)
            try:
                await asyncio.to_thread(self._triton.unload, model.build)
            except (TritonError, OSError) as error:
                self._services.catalog.add(model)
                raise TritonError(f"{error}; {model.id} is served as before, try again") from error
            logger.info("unloaded", extra={"model": model.id})
            return model.id

    async def answer(self, line: bytes) -> dict[str, str]:
        """The answer to a line."""
        try:
            match json.loads(line):
                case {"load": str(build)}:
                    return {"done": await self.load(Path(build))}
                case {"unload": str(name)}:
                    return {"done": await self.unload(name)}
        except ValueError as error:
            # NotServable, UnknownTokenizer, and what is no JSON.
            return {"error": str(error)}
        except (RecipeError, TritonError, ForiiError) as error:
            return {"error": str(error)}
        return {"error": "send load or unload"}


class ControlSocket:
    """The socket of a Control. port: the one that the proxy listens on, which tells proxies apart."""

    def __init__(self, control: Control, cache: Path, port: int) -> None:
        self._control = control
        self._path = _socket_path(cache, port)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Where the cache allows no socket, models cannot be changed, which is only logged."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.parent.chmod(0o700)
            # Whoever has the port has the name; what lies there was left by a proxy that was killed.
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, self._path)
        except OSError as error:
            logger.warning("models cannot be loaded or unloaded while this runs: %s: %s", self._path, error)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = await self._control.answer(await reader.readline())
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()


def ask(cache: Path, port: int, what: dict[str, str]) -> str:
    """Sends a line to the proxy on a port of this machine; returns the id of the model that was loaded or
    unloaded, however long that takes. Raises NotChanged."""
    path = _socket_path(cache, port)
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError as error:
            raise NotChanged(
                f"no `forii serve` of yours that uses the cache {cache} runs on port {port} ({error.strerror}); "
                "--port and --cache name another one"
            ) from error
        connection.sendall(json.dumps(what).encode() + b"\n")
        with connection.makefile("rb") as answer:
            said: dict[str, str] = json.loads(answer.readline() or b'{"error": "the server ended meanwhile"}')
    if "error" in said:
        raise NotChanged(said["error"])
    return said["done"]


def _socket_path(cache: Path, port: int) -> Path:
    return cache.absolute() / "control" / f"{port}.sock"
