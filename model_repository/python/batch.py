"""The in-flight batch: answers join it between two steps of the engine and leave when they are over.

One thread does everything that touches the engine. It never waits for one request: it takes in who has come,
lets go who has left, takes one step, and hands out what the step made.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import traceback
from collections.abc import Iterable
from typing import Protocol

import triton_python_backend_utils as pb_utils
from answer import Answer
from gauges import Gauges
from piece import Piece
from request import Refusal, Request

_CANCEL_EVERY = 0.02  # seconds between two questions whether clients have gone


class Engine(Protocol):
    """What turns requests into ids, a step at a time. Used by one thread only."""

    def add(self, key: int, request: Request) -> None:
        """Lets a sequence join at the next step. Raises Refusal."""

    def remove(self, key: int) -> None:
        """Frees a sequence, which may have ended by itself."""

    def step(self) -> Iterable[Piece]:
        """Takes one step for all sequences. A step that fails is told as pieces with errors."""

    def pause(self) -> float | None:
        """Seconds until there is something to do; 0 is at once, None is when somebody comes."""


class Batch:
    """The running answers of one engine and the thread that serves them."""

    def __init__(self, engine: Engine, gauges: Gauges) -> None:
        self._engine = engine
        self._gauges = gauges
        self._arrivals: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        self._running: dict[int, Answer] = {}
        self._keys = 0
        self._ask_at = 0.0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="batch")
        self._thread.start()

    def join(self, answer: Answer) -> None:
        """Lets an answer join at the next step; returns at once."""
        self._arrivals.put(answer)

    def close(self) -> None:
        """Ends the thread; what still runs ends with an error."""
        self._arrivals.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._closing:
                self._admit()
                self._drop_cancelled()
                for piece in self._engine.step():
                    self._hand_out(piece)
            self._fail_all("engine_failed: the model is being unloaded")
        except Exception:
            # Without its engine this process is of no use: its end is what Triton's keeper notices.
            traceback.print_exc()  # Triton's logger would not be done in time
            self._fail_all("engine_failed: the engine is lost and starts anew")
            os._exit(1)

    def _admit(self) -> None:
        """Takes in who has come; waits for somebody while there is nothing else to do."""
        pause = self._engine.pause()
        if self._running and pause is not None:
            pause = min(pause, _CANCEL_EVERY)
        try:
            answer = self._arrivals.get(timeout=pause) if pause != 0 else self._arrivals.get_nowait()
            while answer is not None:
                self._add(answer)
                answer = self._arrivals.get_nowait()
            self._closing = True
        except queue.Empty:
            return

    def _add(self, answer: Answer) -> None:
        self._keys += 1
        try:
            self._engine.add(self._keys, answer.request)
        except Refusal as refusal:
            answer.fail(str(refusal))
            return
        except Exception as error:  # whatever it is, it is about this request alone
            pb_utils.Logger.log_error(traceback.format_exc())
            answer.fail(f"engine_failed: {error}")
            return
        self._running[self._keys] = answer
        self._gauges.running(len(self._running))

    def _drop_cancelled(self) -> None:
        now = time.monotonic()
        if now < self._ask_at:
            return
        self._ask_at = now + _CANCEL_EVERY
        for key, answer in list(self._running.items()):
            if answer.is_cancelled():
                self._leave(key)
                answer.close()
                self._gauges.cancelled()

    def _hand_out(self, piece: Piece) -> None:
        answer = self._running[piece.key]
        if piece.error is not None:
            self._leave(piece.key)
            answer.fail(piece.error)
        elif answer.send(piece):
            self._leave(piece.key)

    def _leave(self, key: int) -> None:
        self._engine.remove(key)
        del self._running[key]
        self._gauges.running(len(self._running))

    def _fail_all(self, text: str) -> None:
        for answer in self._running.values():
            answer.fail(text)
        self._running.clear()
        self._gauges.running(0)
