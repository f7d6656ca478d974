"""What the engine shows on Triton's metrics page, labelled with the model's name."""

from __future__ import annotations

import triton_python_backend_utils as pb_utils


class Gauges:
    """``forii_engine_sequences_running`` and ``forii_engine_sequences_cancelled_total``."""

    def __init__(self, model: str) -> None:
        running = pb_utils.MetricFamily(
            name="forii_engine_sequences_running",
            description="Sequences that the engine is generating or has taken in",
            kind=pb_utils.MetricFamily.GAUGE,
        )
        cancelled = pb_utils.MetricFamily(
            name="forii_engine_sequences_cancelled_total",
            description="Sequences that ended because their client had gone",
            kind=pb_utils.MetricFamily.COUNTER,
        )
        self._families = (running, cancelled)  # a metric lives no longer than its family
        self._running = running.Metric(labels={"model": model})
        self._cancelled = cancelled.Metric(labels={"model": model})

    def running(self, count: int) -> None:
        self._running.set(count)

    def cancelled(self) -> None:
        self._cancelled.increment(1)
