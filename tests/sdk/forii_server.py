"""``forii serve`` as a person starts it: a child process in, its addresses and output out, and what is left of it
when it has ended."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx2
import psutil

from build_engines.recipe import load_manifest
from tests.deployed import DEPLOYED

MODEL = "forii/smollm2-135m" if DEPLOYED is None else load_manifest(DEPLOYED.build).recipe.model.id
_READY_SECONDS = 90.0
_END_SECONDS = 20.0


class ForiiServer:
    """cache: where builds are. models: what to serve, the default model if none. folder: gets the output
    (``output.txt``) and ``tmp/``, the temporary folder of every process of the server, by which they and their
    shared memory can be told from others'. trust: the certificate to trust where it serves HTTPS. settings: as
    variables, ``drain_seconds="1"``."""

    def __init__(
        self, cache: Path, folder: Path, models: Sequence[str] = (), *, trust: Path | None = None, **settings: str
    ) -> None:
        self.verify = True if trust is None else ssl.create_default_context(cafile=trust)
        self._tmp = folder / "tmp"
        self._tmp.mkdir(parents=True)
        self._output = folder / "output.txt"
        self._runs: set[str] = set()
        command = [str(Path(sys.executable).parent / "forii"), "serve", "--port", "0", "--cache", str(cache)]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *_elsewhere(), *(word for model in models for word in ("--model", model))],
                cwd=folder,
                env=_environment()
                | {"TMPDIR": str(self._tmp), "COLUMNS": "200", "FORII_STATE": str(folder / "state")}
                | {f"FORII_{name.upper()}": value for name, value in settings.items()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def root(self) -> str:
        """``http://host:port`` or ``https``, from the banner."""
        return self._printed(r"Base URL\s+(https?://\S+)/inference/v1")

    @property
    def base_url(self) -> str:
        return f"{self.root}/inference/v1"

    @property
    def engine_metrics_url(self) -> str:
        """Triton's own metrics page."""
        if DEPLOYED is not None:
            return DEPLOYED.metrics_url
        return self._printed(r"metrics (http://\S+)")

    @property
    def curl_line(self) -> str:
        """The line that the banner offers to paste."""
        return self._printed(r"(?m)^(curl .*)$")

    def wait_ready(self) -> None:
        """Waits for the banner, then for readiness."""
        wait_until(self._is_ready, _READY_SECONDS, lambda: f"forii serve is not ready:\n{self.output}")
        self._runs = {path.name for path in self._tmp.iterdir()}

    def ready_status(self) -> int:
        return httpx2.get(f"{self.root}/health/ready", timeout=5, verify=self.verify).status_code

    def stop(self) -> None:
        """Ctrl-C. Raises AssertionError for an end other than a shell's own for it."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(_END_SECONDS) in (0, 130), self.output

    def terminate(self) -> None:
        """SIGTERM."""
        self.process.terminate()

    def wait_end(self, seconds: float = _END_SECONDS) -> int:
        """The exit status."""
        return self.process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL for the launcher alone."""
        self.process.kill()
        self.process.wait(_END_SECONDS)

    def engine(self) -> psutil.Process:
        """The tritonserver that runs now. Raises StopIteration if none does."""
        return next(process for process in self._processes() if process.name() == "tritonserver")

    def wait_gone(self) -> None:
        """Waits until nothing is left: no process, no shared memory, no file. Raises AssertionError."""
        wait_until(lambda: not self.left(), _END_SECONDS, lambda: f"left behind: {self.left()}\n{self.output}")

    def left(self) -> list[str]:
        """What there is of the server beside its output."""
        regions = [path for path in Path("/dev/shm").iterdir() if path.name.startswith(tuple(self._runs))]
        return [*map(str, self._processes()), *map(str, regions), *map(str, self._tmp.iterdir())]

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"forii serve ended:\n{self.output}"
        return "Forii is ready" in self.output and "curl " in self.output and self.ready_status() == 200

    def _printed(self, pattern: str) -> str:
        found = re.search(pattern, self.output)
        assert found, f"forii serve did not print {pattern!r}:\n{self.output}"
        return found[1]

    def _processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # ended, or another user's
                if process.environ().get("TMPDIR") == str(self._tmp):
                    found.append(process)
        return found


def _environment() -> dict[str, str]:
    """This process's own, without what would set the server: a key or a model of the person who tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FORII_")}


def _elsewhere() -> list[str]:
    """The options that make it serve the model of a Triton elsewhere."""
    return [] if DEPLOYED is None else ["--triton", DEPLOYED.address, "--model", str(DEPLOYED.build)]


def wait_until(holds: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    """Looks every 10 ms until it holds. Raises AssertionError with what ``otherwise`` says when the time is up."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds, otherwise()
        time.sleep(0.01)
