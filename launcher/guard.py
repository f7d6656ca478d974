"""The process between the launcher and tritonserver.

In: a run folder with ``plan.json`` (see Plan) and the folders that repository.py fills, and the reading end of a
pipe as standard input. Out: a tritonserver that runs for as long as the launcher holds the other end
of that pipe and not a moment longer, however the launcher ends. Then the server's processes, its shared memory
and the run folder are gone.

The launcher writes a byte once the models are ready. From then on a server that dies is started again, and so
is one that lost the process of a model (Triton goes on calling such a model ready); models that are just being
loaded or unloaded may come and go. Before that byte, a server that dies ends the guard with status 1.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

KEPT = "kept"  # folder of a run: an empty file for each model whose process is looked after
_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
_LOOK_EVERY = 0.25  # seconds between two looks at the server and its stubs
_STEADY = 60.0  # seconds after which a server that dies is started again at once
_LONGEST_WAIT = 30.0
_SCRATCH_WITHIN = 5.0  # seconds from its start within which a server makes its scratch folder
_LOAD_LIMIT = 600.0  # seconds for a server to start the processes of its models


@dataclass(frozen=True)
class Plan:
    """How to start tritonserver: its command line, its environment, the file that gets all output, and how the
    names of its regions in /dev/shm begin."""

    argv: list[str]
    env: dict[str, str]
    log: str
    shm_prefix: str

    def write(self, folder: Path) -> None:
        (folder / "plan.json").write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Plan:
        return cls(**json.loads((folder / "plan.json").read_text(encoding="utf-8")))


class Guard:
    """Keeps the server of a plan running. `run` returns 0 when it was told to end and 1 when the server ended
    before it was ever ready."""

    def __init__(self, folder: Path, plan: Plan, lock_fd: int, launcher_fd: int, signal_fd: int) -> None:
        self._plan = plan
        self._kept = folder / KEPT
        self._lock_fd = lock_fd
        self._launcher_fd = launcher_fd
        self._signal_fd = signal_fd
        self._was_ready = False

    def run(self) -> int:
        wait = 0.0
        with open(self._plan.log, "a", buffering=1, encoding="utf-8") as log:
            while True:
                started = time.monotonic()
                fault = self._run_server(log)
                if fault is None:
                    return 0
                if not self._was_ready:
                    _note(log, fault)
                    return 1
                wait = 0.0 if time.monotonic() - started > _STEADY else wait
                _note(log, f"{fault}; starting it again in {wait:.0f} s")
                if self._told_to_end(wait):
                    return 0
                wait = min(_LONGEST_WAIT, max(1.0, wait * 2))

    def _run_server(self, log: TextIO) -> str | None:
        """Runs one server to its end; returns what was wrong with it, or None if the guard was told to end."""
        server = Server(self._plan, log, self._lock_fd)
        first, fault = not self._was_ready, None
        try:
            while fault is None and not self._told_to_end(_LOOK_EVERY):
                if first and self._was_ready:
                    server.mark_loaded()
                # While they load for the first time, Triton itself says best what is wrong with a model.
                kept = {path.name for path in self._kept.iterdir()} if self._was_ready else set()
                fault = server.fault(kept)
        finally:
            server.end()
        return fault

    def _told_to_end(self, seconds: float) -> bool:
        """Waits for a word from the launcher or a signal, at most so long."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            heard, _, _ = select.select([self._launcher_fd, self._signal_fd], [], [], left)
            if not heard:
                return False
            if self._signal_fd in heard or not os.read(self._launcher_fd, 64):
                return True
            self._was_ready = True


class Server:
    """One tritonserver and the Python stubs it starts: one process group. loaded: whether it has had a process
    for every model."""

    def __init__(self, plan: Plan, log: TextIO, lock_fd: int) -> None:
        self._shm_prefix = plan.shm_prefix
        self.loaded = False
        self._load_until = time.monotonic() + _LOAD_LIMIT
        self._foreign = _scratch_folders()
        self._started = time.time()
        lifeline, self._lifeline = os.pipe()
        self._process = subprocess.Popen(
            plan.argv,
            env=plan.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lock_fd, lifeline],
            start_new_session=True,
            preexec_fn=_dies_with(lifeline),
        )
        os.close(lifeline)

    def mark_loaded(self) -> None:
        """It has had a process for every model."""
        if not self.loaded:
            self.loaded = True
            self._remove_scratch()

    def fault(self, models: set[str]) -> str | None:
        """What is wrong with the server, if anything. models: those that it is to have a process of, now or, where
        it has not had them all yet, soon."""
        status = self._process.poll()
        if status is not None:
            return f"tritonserver ended with {_named(status)}"
        missing = models - _models_of(self._process.pid)
        if not missing:
            if models:
                self.mark_loaded()
        elif self.loaded:
            return f"the process of a model died ({', '.join(sorted(missing))})"
        elif time.monotonic() > self._load_until:
            return f"the models did not start within {_LOAD_LIMIT:.0f} s"
        return None

    def end(self) -> None:
        """Kills the server and its stubs and waits until they are gone. There is nothing to save: asked kindly,
        Triton waits for its streams first, and for longer than it is told to."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(ChildProcessError):  # none is left
            while True:
                os.waitpid(-self._process.pid, 0)
        os.close(self._lifeline)
        remove_regions(self._shm_prefix)
        self._remove_scratch()

    def _remove_scratch(self) -> None:
        """Triton's Python backend makes a folder under a fixed path when it starts, for packed environments, which
        we do not use; only a server that ends by itself removes it. Ours goes as soon as it is there."""
        for folder in _scratch_folders() - self._foreign:
            with contextlib.suppress(OSError):  # gone, or not empty and so not ours
                if abs(folder.stat().st_mtime - self._started) < _SCRATCH_WITHIN:
                    folder.rmdir()


def _scratch_folders() -> set[Path]:
    return set(Path("/tmp").glob("python_env_*"))


def remove_regions(shm_prefix: str) -> None:
    """Removes the shared memory that a killed server leaves behind."""
    for region in Path("/dev/shm").glob(f"{shm_prefix}*"):
        region.unlink(missing_ok=True)


def _dies_with(lifeline: int) -> Callable[[], None]:
    """What the child does before it becomes tritonserver: ask the kernel to kill its process group, which its
    stubs will belong to, when the other end of the pipe `lifeline` is closed. A stub cannot see to that itself:
    while it waits for an answer from a dead server it holds its interpreter's lock."""

    def prepare() -> None:
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)

    return prepare


def _models_of(server: int) -> set[str]:
    """The models that a server has a living process of: its children ``stub .../<model>/1/model.py ...``."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            # pid (name) state ppid ...; the name may hold spaces and brackets
            state, ppid = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(ppid) == server and state != "Z":
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                found |= {Path(word).parts[-3] for word in words if word.endswith("/model.py")}
    return found


def _named(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name


def _note(log: TextIO, text: str) -> None:
    log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} guard: {text}\n")


def main(folder: Path, lock_fd: int) -> int:
    """Guards the server planned in `folder`; returns the exit status (see Guard). The lock on the folder goes to
    every process of the server, so that it is free when the last of them is gone."""
    heard, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)  # a killed server's stubs become ours to wait for
    try:
        return Guard(folder, Plan.read(folder), lock_fd, sys.stdin.fileno(), heard).run()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
