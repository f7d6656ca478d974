"""The time that one schema may take: looked at wherever a schema can make a loop long."""

from __future__ import annotations

import time

from .invalid import InvalidSchema


class Clock:
    """seconds: of this thread's processor time, from now on; what else the machine does costs nobody a schema."""

    def __init__(self, seconds: float) -> None:
        self._end = time.thread_time() + seconds
        self._earliest = time.monotonic() + seconds

    def check(self) -> None:
        """Raises InvalidSchema when the time is up."""
        # No thread gets more time than goes by: to ask for that costs a fiftieth of asking the kernel.
        if time.monotonic() > self._earliest and time.thread_time() > self._end:
            raise InvalidSchema("the schema takes too long to compile; make it smaller")
