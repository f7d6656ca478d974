"""How many sequences the engine runs, by its own metric on Triton's page."""

from __future__ import annotations

import httpx2

from build_engines.recipe import triton_name
from tests.deployed import sequences_running
from tests.sdk.forii_server import MODEL, wait_until


class EngineGauge:
    """url: of Triton's metrics page. model: the id that clients use."""

    def __init__(self, url: str, model: str = MODEL) -> None:
        self._url = url
        self._name = triton_name(model)

    def running(self) -> int:
        return sequences_running(httpx2.get(self._url, timeout=5).text, self._name)

    def wait_for(self, count: int, seconds: float) -> None:
        """Waits until so many run. Raises AssertionError when the time is up."""
        wait_until(
            lambda: self.running() == count, seconds, lambda: f"the engine runs {self.running()}, not {count}"
        )
