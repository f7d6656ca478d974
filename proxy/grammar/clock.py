"""The time that one schema may take: looked at wherever a schema can make a loop long."""

from __future__ import annotations

import time

from .invalid import InvalidSchema


class Clock:
    """seconds: of this thread's processor time, from now on; what else the machine does costs nobody a schema."""

    def __init__(self, seconds: float) -> None:
        self._end = time.thread_time() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return self._end - time.thread_time()

    def check(self) -> None:
        """Raises InvalidSchema when the time is up."""
        if time.thread_time() > self._end:
            raise InvalidSchema("the schema takes too long to compile; make it smaller")
