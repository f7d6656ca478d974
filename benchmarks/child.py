"""A program of the benchmark in a process of its own: a command line in; address, CPU time and memory out."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.load import Load

_ENDS_WITHIN = 15.0  # seconds
_KIBIBYTE = 1024


class Child:
    """A running process."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self._process = process
        self.address = address

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> float:
        """CPU seconds of all its threads so far."""
        # The clock of another process, as <linux/posix-timers.h> numbers it.
        return time.clock_gettime((~self.pid << 3) | 2)

    def memory(self) -> float:
        """Its resident memory in MB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextlib.contextmanager
def serving(module: str, *arguments: object) -> Iterator[Child]:
    """A module of ours that prints ``ready HOST:PORT`` when it serves, until the block ends."""
    with started([sys.executable, "-m", module, *map(str, arguments)], subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline().split()
        if line[:1] != ["ready"]:
            raise RuntimeError(f"{module} did not start")
        yield Child(process, line[1])


@contextlib.contextmanager
def started(argv: list[str], stdout: int, stderr: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended with the block."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def loaded(module: str, *arguments: object) -> tuple[Load, float]:
    """What a client module of ours prints in the end, and its own CPU microseconds a token where it says so."""
    argv = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{module} failed:\n{done.stderr}")
    data = json.loads(done.stdout)
    cpu: float = data.pop("cpu_us", 0.0)
    return Load(**data), cpu
