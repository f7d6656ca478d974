"""A process of its own for work on schemas: a function and its arguments in, what it returns out.

Compiling and checking take as long as a client's schema makes them. Here they hold up no event loop, and whatever
they do, the kernel ends it in time. ``python -m proxy.grammar.worker`` is the process; the two talk in pickles.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, ParamSpec, TypeVar, cast

from .invalid import InvalidSchema

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# Beside the limit of processor time, which says the same on a busy machine: one for work that stands still.
_STANDSTILL = 10
_ENDED_BY_LIMIT = (-signal.SIGPROF, -signal.SIGALRM)


class TooCostly(Exception):
    """The work took more time than it may."""


class WorkerDied(Exception):
    """The process ended in the middle, twice in a row, or is closed."""


class Worker:
    """One process, which does one thing at a time. Started when it is first needed, and anew when it has ended.

    seconds: of processor time, for each piece of work.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="schemas")
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    async def run(
        self, work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        """What work returns; a function at the top of a module. Raises the InvalidSchema that it raises, TooCostly
        when its time is up, and WorkerDied. Work goes on when nobody waits for it any more."""
        if self._closed:
            raise WorkerDied
        result = await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work, arguments, named)
        return cast(Result, result)

    def close(self) -> None:
        """Ends the process and what it is doing."""
        self._closed = True
        if self._process is not None:
            self._process.kill()
        self._thread.shutdown(cancel_futures=True)
        self._forget()

    def _run(self, *work: object) -> object:
        for _ in range(2):
            if self._closed:
                break
            try:
                return self._ask((self._seconds, *work))
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                # It may have been killed while it had nothing to do.
                if self._forget() in _ENDED_BY_LIMIT:
                    raise TooCostly from error
        raise WorkerDied

    def _ask(self, work: object) -> object:
        if self._process is None:
            self._process = _start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump(work, self._process.stdin)
        self._process.stdin.flush()
        result, refusal = pickle.load(self._process.stdout)
        if refusal is not None:
            raise refusal
        return result

    def _forget(self) -> int | None:
        """Lets go of the process. Returns how it ended; None if there was none."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                """What was still to be sent has nobody to read it."""
        return process.wait()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C is not meant for it: answers that are being written still need it
    )


def _serve(work: IO[bytes], answers: IO[bytes]) -> None:
    """Does what comes, until nothing more can come."""
    while True:
        try:
            seconds, function, arguments, named = pickle.load(work)
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, seconds * _STANDSTILL)
        answer: tuple[object, InvalidSchema | None]
        try:
            answer = (function(*arguments, **named), None)
        except InvalidSchema as refusal:
            answer = (None, refusal)
        except Exception as error:
            # A fault of the compiler costs one request, not the process.
            logger.error("a schema could not be worked on: %s", type(error).__name__)
            answer = (None, InvalidSchema("this server cannot work on it; say it in another way"))
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    # Nothing that prints may get into the answers.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        _serve(sys.stdin.buffer, answers)
