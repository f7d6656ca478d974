"""``forii serve``: settings in; a build, a Triton of our own if none was named, and the proxy in front of it out.

The proxy runs in this process, Triton as a guarded child (see guard.py). Ctrl-C or SIGTERM begins the drain: no
new requests, and what runs or waits has ``drain_seconds`` to end. A second one stops at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import shlex
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType

import uvicorn
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from build_engines.recipe import load_manifest
from launcher import machine
from launcher.build_progress import BuildProgress
from launcher.control import Control, ControlSocket
from launcher.key_state import KeyState, key_state
from launcher.models import find_build
from launcher.remote import RemoteTriton
from launcher.triton import EmbeddedTriton, TritonError
from proxy.app import create_app
from proxy.drain import Drain
from proxy.interpreter import calm
from proxy.logs import configure
from proxy.settings import NotServable, Settings

Triton = EmbeddedTriton | RemoteTriton

_TRITON_READY_SECONDS = 180.0
# Above what proxies keep idle connections for, so that none sends a request on one that is just being closed.
_KEEP_ALIVE_SECONDS = 75
# For the last words to clients whose answers are cut off, and for their connections to close.
_LAST_WORDS_SECONDS = 2.0
# Long enough for requests that the kernel had accepted before the drain to be read, and answered.
_SHORTEST_DRAIN_SECONDS = 0.2


def serve(settings: Settings, console: Console) -> None:
    """Serves until it is told to stop. Raises NotServable for what is wrong with the settings or the machine, and
    what building and starting raise."""
    settings.check_servable()
    _check_tls(settings)
    keys = key_state(settings)
    if settings.triton is None and (problems := machine.problems(machine.facts())):
        raise NotServable("\n".join(problems))
    with _listen(settings.host, settings.port) as listening:
        with BuildProgress(console) as progress:
            names = [str(folder) for folder in settings.models] or settings.model
            tell = partial(console.print, style="dim", markup=False, highlight=False, soft_wrap=True)
            builds = tuple(find_build(name, settings.cache, progress, tell) for name in names)
        with _triton(settings, builds, console) as triton:
            served = settings.model_copy(update={"triton": triton.grpc_address, "models": builds})
            configure(settings.log_level, settings.secrets)
            _run(served, listening, lambda: _banner(served, listening, keys, console), triton)


def _check_tls(settings: Settings) -> None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.tls_certificate, settings.tls_key
        )
    except OSError as error:  # which SSLError is
        raise NotServable(
            f"tls_certificate {settings.tls_certificate} with tls_key {settings.tls_key} cannot be used: {error}"
        ) from error


def _run(settings: Settings, listening: socket.socket, when_up: Callable[[], None], triton: Triton) -> None:
    """Serves for as long as there is somebody to serve from. Raises TritonError when there is not."""
    drain = Drain()
    app = create_app(settings, drain=drain)
    calm()
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(_LAST_WORDS_SECONDS),
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    control = ControlSocket(Control(app.state.services, triton), settings.cache, listening.getsockname()[1])
    _Server(config, drain, settings.drain_seconds, when_up, triton, control).run(sockets=[listening])
    if not triton.running:
        raise TritonError("the guard of tritonserver was killed; start `forii serve` again")


class _Server(uvicorn.Server):
    """uvicorn with a drain before its end. During the drain it goes on listening: clients are refused in words,
    and probes see that it is not ready. Returns when it was told to end, by whichever signal."""

    def __init__(
        self,
        config: uvicorn.Config,
        drain: Drain,
        drain_seconds: float,
        when_up: Callable[[], None],
        triton: Triton,
        control: ControlSocket,
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self._drain_seconds = drain_seconds
        self._drained_since = 0.0
        self._when_up = when_up
        self._triton = triton
        self._control = control

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self._control.open()
        self._when_up()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._drain.begun:
            self.should_exit = True
        else:
            self._drained_since = time.monotonic()
            self._drain.begin()

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or not self._triton.running or self._drained()

    def _drained(self) -> bool:
        if not self._drain.begun:
            return False
        seconds = time.monotonic() - self._drained_since
        idle = not self.server_state.tasks and seconds >= _SHORTEST_DRAIN_SECONDS
        return idle or seconds >= self._drain_seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cuts off what still runs, in words, before uvicorn closes the connections."""
        self._control.close()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_WORDS_SECONDS)
        await super().shutdown(sockets)


@contextlib.contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """Takes the port before anything slow is done, so that a taken one is told at once. Nobody can connect before
    the server listens on it."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise NotServable(f"cannot listen on {host} port {port}: {error.strerror}") from error
            raise NotServable(
                f"port {port} on {host} is in use: stop what has it, or choose another, as in `forii serve --port "
                f"{port + 1}`"
            ) from error
        yield listening


@contextlib.contextmanager
def _triton(settings: Settings, builds: tuple[Path, ...], console: Console) -> Iterator[Triton]:
    """The Triton to talk to, our own if the settings name none."""
    if settings.triton is not None:
        remote = RemoteTriton(settings.triton)
        if not all(map(remote.serves, builds)):
            console.print(
                f"{settings.triton} does not serve the model yet; until it does, requests fail with 503.",
                style="yellow",
            )
        yield remote
        return
    triton = EmbeddedTriton(
        builds,
        log_path=settings.cache / "logs" / f"triton-{settings.port}.log",
        grpc_port=settings.triton_grpc_port,
        metrics_port=settings.triton_metrics_port,
    )
    with triton:
        with console.status("Starting Triton"):
            triton.wait_ready(_TRITON_READY_SECONDS)
        console.print(f"Triton: gRPC {triton.grpc_address}, metrics {triton.metrics_url}", style="dim")
        yield triton


def _banner(settings: Settings, listening: socket.socket, keys: KeyState, console: Console) -> None:
    scheme = "http" if settings.tls_certificate is None else "https"
    root = f"{scheme}://{_reachable(settings.host)}:{listening.getsockname()[1]}"
    base_url = f"{root}/inference/v1"
    ids = [load_manifest(folder).recipe.model.id for folder in settings.models]
    lines = Text.assemble(
        ("Base URL  ", "bold"), base_url, "\n",
        ("Models    ", "bold"), ", ".join(ids), "\n",
        ("Docs      ", "bold"), f"{root}/docs\n",
        ("Keys      ", "bold"), keys.value,
    )  # fmt: skip
    console.print(Panel(lines, title="Forii is ready", subtitle="Ctrl-C stops it", expand=False))
    # Written past rich, which would wrap the line where it cannot be pasted.
    console.file.write(f"Try it:\n\n{curl_line(base_url, ids[0], keyed=keys.asked)}\n\n")
    console.file.flush()


def _reachable(host: str) -> str:
    """How a client names the host: an address that means all of them is none to connect to."""
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def curl_line(base_url: str, model: str, *, keyed: bool) -> str:
    """A first request that works when pasted into a shell."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Say hello."}],
        "max_tokens": 100,
        "stream": True,
    }
    header = ' -H "Authorization: Bearer $FORII_API_KEY"' if keyed else ""
    return (
        f"curl -N {base_url}/chat/completions -H 'Content-Type: application/json'{header} "
        f"-d {shlex.quote(json.dumps(body))}"
    )
