"""How many sequences the engine runs, by its own metric on Triton's page."""

from __future__ import annotations

import re

import httpx2

from tests.sdk.forii_server import wait_until


class EngineGauge:
    """url: of Triton's metrics page."""

    def __init__(self, url: str) -> None:
        self._url = url

    def running(self) -> int:
        page = httpx2.get(self._url, timeout=5).text
        found = re.search(r"(?m)^forii_engine_sequences_running\{[^}]*\} ([0-9.]+)$", page)
        assert found, page
        return int(float(found[1]))

    def wait_for(self, count: int, seconds: float) -> None:
        """Waits until so many run. Raises AssertionError when the time is up."""
        wait_until(
            lambda: self.running() == count, seconds, lambda: f"the engine runs {self.running()}, not {count}"
        )
