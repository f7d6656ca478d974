"""The proxies of the benchmark: started, killed, started again; and the database that is away for a while."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.metering.asked import PACE
from benchmarks.metering.slots import Slot, Slots

_STARTS_WITHIN = 60.0  # seconds
_ENDS_WITHIN = 60.0


@dataclass(frozen=True)
class Kill:
    """proxy: which one. since, until: it was dead by then; of time.monotonic."""

    proxy: int
    since: float
    until: float


@dataclass
class Fleet:
    """folder: for all files. count: of the requests that there will be."""

    folder: Path
    build: Path
    count: int
    size: int = 2
    metered: bool = True
    pace: float = PACE
    kills: list[Kill] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = self.folder / "state"
        self.state.mkdir(exist_ok=True)
        self.slots = Slots(self.folder / "slots", self.count)
        self.ports = [_free_port() for _ in range(self.size)]
        self._log = (self.folder / "proxies.log").open("ab")
        self._processes = [self._start(proxy) for proxy in range(self.size)]

    @property
    def database(self) -> Path:
        return self.state / "forii.db"

    @property
    def log(self) -> str:
        return (self.folder / "proxies.log").read_text(encoding="utf-8", errors="replace")

    def pid(self, proxy: int) -> int:
        return self._processes[proxy].pid

    async def ready(self) -> None:
        """Returns when all serve. Raises RuntimeError if one does not."""
        for proxy in range(self.size):
            deadline = time.monotonic() + _STARTS_WITHIN
            while not await asyncio.to_thread(_serves, self.ports[proxy]):
                if self._processes[proxy].poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"a proxy does not start:\n{self.log[-2000:]}")
                await asyncio.sleep(0.05)

    def kill(self, proxy: int) -> None:
        """SIGKILL, and another one in its place."""
        since = time.monotonic()
        self._processes[proxy].kill()
        self._processes[proxy].wait()
        self.kills.append(Kill(proxy, since, time.monotonic()))
        self._processes[proxy] = self._start(proxy)

    @contextlib.asynccontextmanager
    async def database_away(self) -> AsyncIterator[None]:
        """Somebody has it locked for as long as the block runs."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=30, isolation_level=None)) as locking:
            locking.execute("BEGIN IMMEDIATE")
            yield
            locking.execute("ROLLBACK")

    def stop(self) -> None:
        """As an operator does."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(_ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._log.close()

    def slot(self, number: int) -> Slot:
        return self.slots.of(number)

    def _start(self, proxy: int) -> subprocess.Popen[bytes]:
        arguments = [self.ports[proxy], self.build, self.state, self.folder / "slots", self.count]
        words = [*map(str, arguments), "metered" if self.metered else "unmetered", str(self.pace)]
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.metering.proxy", *words],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )


def _serves(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
