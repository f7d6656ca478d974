"""``forii serve`` in front of a Triton, as a child of the benchmark."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.child import Child, loaded, started
from benchmarks.load import Load

_STARTS_WITHIN = 60.0  # seconds
PROMPT = "word " * 170  # about 200 tokens with the template


class Proxy:
    """A running one. child: its process."""

    def __init__(self, child: Child) -> None:
        self.child = child

    def load(self, model: str, streams: int, requests: int, room: int, prompt: str = PROMPT) -> tuple[Load, float]:
        """Streams of `room` tokens, and the CPU seconds that they took the proxy."""
        body = {
            "model": model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": room,
            "stream": True,
            # A real model then goes on and on.
            "temperature": 0,
            "frequency_penalty": -2,
        }
        url = f"http://{self.child.address}/inference/v1/chat/completions"
        before = self.child.cpu()
        load, _ = loaded("benchmarks.load", url, streams, requests, json.dumps(body))
        return load, self.child.cpu() - before


@contextlib.contextmanager
def running(triton: str, builds: Sequence[Path], log: Path) -> Iterator[Proxy]:
    """A ready proxy, warmed up. triton: HOST:PORT of its engine. log: gets what it prints."""
    port = _free_port()
    argv = [sys.executable, "-c", "from launcher.cli import main; main()", "serve", "--triton", triton]
    models = [word for build in builds for word in ("--model", str(build))]
    command = [*argv, "--port", str(port), *models]
    with log.open("w") as output, started(command, output.fileno(), subprocess.STDOUT) as process:
        _wait_ready(f"http://127.0.0.1:{port}/health/ready", process, log)
        proxy = Proxy(Child(process, f"127.0.0.1:{port}"))
        yield proxy


def _wait_ready(url: str, process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the proxy is not ready:\n{log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
