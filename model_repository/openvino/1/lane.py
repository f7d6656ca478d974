"""Sequences that need logits, which the pipeline does not give: one after the other through the plain runtime.

A Drawing is a request whose logits are changed before an id is drawn: the lane makes its answer. A Scoring is one
that only wants to see logits: the pipeline makes its answer, as it does any other's, and the lane runs the same
ids once more, several at a time where it is behind.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

import triton_python_backend_utils as pb_utils
from piece import Piece
from request import Request
from runtime import Logits, Runtime
from sampler import Sampler, log_prob

# Rows in a piece of a sequence, such that a piece takes about the time of a step of the pipeline: a cancelled
# request waits for both.
_FIRST, _MOST = 8, 32
_SHORT, _LONG = 0.03, 0.07  # seconds
_COMPILING = 0.02  # seconds between two questions whether the compilation is done


class Job(Protocol):
    """One sequence. key: the batch's."""

    key: int

    def todo(self) -> list[int]:
        """The ids that can be fed now, in order."""

    def take(self, rows: Logits) -> Iterator[Piece]:
        """What the rows of the next len(rows) ids of `todo` lead to."""


class Drawing:
    """Draws its own ids."""

    def __init__(self, key: int, request: Request) -> None:
        self.key = key
        self._request = request
        self._todo: list[int] = request.ids.tolist()
        self._sampler: Sampler | None = None

    def todo(self) -> list[int]:
        return self._todo

    def take(self, rows: Logits) -> Iterator[Piece]:
        del self._todo[: len(rows)]
        if self._todo:
            return
        row = rows[-1]
        if self._sampler is None:
            self._sampler = Sampler(self._request, len(row))
        token = self._sampler.draw(row)
        self._todo.append(token)
        chances = (log_prob(row, token),) if self._request.log_probs else ()
        yield Piece(self.key, (token,), chances, logits=rows[-1:].copy() if self._request.logits else None)


class Scoring:
    """Hears the pieces that the pipeline makes and gives them out with logits, an id at a time. The last id that
    is known waits: its row scores an id that is not."""

    def __init__(self, key: int, request: Request) -> None:
        self.key = key
        self._unscored = len(request.ids) - 1  # ids to feed before the one whose row scores the answer's first
        self._todo: list[int] = request.ids.tolist()
        self._log_probs: list[float] = []
        self._waiting = 0  # ids heard and not yet given out
        self._ended = False

    def hear(self, piece: Piece) -> Iterator[Piece]:
        """Takes a piece of the pipeline; gives out an end that has nothing left to wait for."""
        self._todo += piece.ids
        self._log_probs += piece.log_probs
        self._waiting += len(piece.ids)
        self._ended = piece.ended
        if self._ended and not self._waiting:
            yield Piece(self.key, ended=True)

    def todo(self) -> list[int]:
        return self._todo[:-1]

    def take(self, rows: Logits) -> Iterator[Piece]:
        for row in rows:
            del self._todo[0]
            if self._unscored:
                self._unscored -= 1
                continue
            chances = (self._log_probs.pop(0),) if self._log_probs else ()
            self._waiting -= 1
            last = self._ended and not self._waiting
            yield Piece(self.key, self._todo[:1], chances, last, logits=row[None].copy())


class Lane:
    """The jobs in the order of their coming; the first one runs, so that the memory that the lane takes is that of
    one sequence."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._jobs: dict[int, Job] = {}
        self._running: Job | None = None
        self._rows = _FIRST

    def add(self, job: Job) -> None:
        self._jobs[job.key] = job

    def remove(self, key: int) -> None:
        job = self._jobs.pop(key, None)
        if job is not None and job is self._running:
            self._running = None
            self._runtime.forget()

    def scoring(self, key: int) -> Scoring | None:
        """The Scoring of this key."""
        job = self._jobs.get(key)
        return job if isinstance(job, Scoring) else None

    def pause(self) -> float | None:
        """Seconds until there is something to do; None is when somebody comes."""
        job = next(iter(self._jobs.values()), None)
        if job is None or not job.todo():
            return None
        return 0.0 if self._runtime.ready() else _COMPILING

    def step(self) -> Iterator[Piece]:
        """Feeds a piece of the first job's sequence; call it where `pause` says 0. A failure ends that job."""
        job = next(iter(self._jobs.values()))
        started = time.monotonic()
        try:
            self._running = job
            rows = self._runtime.feed(job.todo()[: self._rows])
        except RuntimeError as error:
            pb_utils.Logger.log_error(f"a request that needs logits failed: {error}")
            self._runtime.discard()
            self._running = None
            yield Piece(job.key, error="engine_failed: the runtime for logits failed")
            return
        self._fit(len(rows), time.monotonic() - started)
        for piece in job.take(rows):
            if job.key not in self._jobs:
                return  # the piece before was the last that was wanted
            yield piece

    def _fit(self, rows: int, seconds: float) -> None:
        """Pieces of a long sequence take longer, and everybody waits for them."""
        if seconds > _LONG:
            self._rows = max(1, self._rows // 2)
        elif seconds < _SHORT and rows == self._rows:
            self._rows = min(_MOST, self._rows * 2)
