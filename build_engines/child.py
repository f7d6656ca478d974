"""Programs that a build runs: an argument list in, the end of the program or its error text out.

A program runs on a leash (``leash.py``): when the builder dies, even by SIGKILL, the kernel kills the program too,
so nothing writes on into a folder that the next build sweeps away.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from build_engines.causes import likely_cause
from build_engines.recipe import BuildError

_LEASH = Path(__file__).resolve().with_name("leash.py")
_SHOWN_LINES = 12
_READ_BYTES = 1 << 20  # of a log's end
_POLL_SECONDS = 0.2


class ChildError(BuildError):
    """A program that failed; the message names it and shows the end of what it wrote."""


def run_child(
    arguments: Sequence[str],
    name: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
    poll: Callable[[], None] | None = None,
) -> None:
    """Runs a program to its end. ``log`` takes what it writes; ``poll`` is called five times a second.

    environment: variables added to this process's own. Raises ChildError when the program cannot be started,
    fails or is killed; the message has the likely cause where the log or the signal tells one.
    """
    leash = [sys.executable, "-I", str(_LEASH), str(os.getpid())]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*leash, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
        )
        try:
            _wait(process, poll)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        raise ChildError(f"{name} {_ending(process.returncode)}:\n{_tail(log)}{_cause(log, process.returncode)}")


def _wait(process: subprocess.Popen[bytes], poll: Callable[[], None] | None) -> None:
    while True:
        try:
            process.wait(_POLL_SECONDS)
            return
        except subprocess.TimeoutExpired:
            if poll:
                poll()


def _ending(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"failed with exit status {code}"


def _tail(log: Path) -> str:
    lines = _written(log).strip().splitlines()
    return "\n".join(lines[-_SHOWN_LINES:]) or "(it wrote nothing)"


def _cause(log: Path, code: int) -> str:
    cause = likely_cause(_written(log), code)
    return f"\nLikely cause: {cause}" if cause else ""


def _written(log: Path) -> str:
    """The end of the log, as much as may matter."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _READ_BYTES))
        return file.read().decode(errors="replace")
