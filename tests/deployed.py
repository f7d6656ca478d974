"""A Triton that runs elsewhere in place of the embedded one, for the contract suite and the SDK suite.

``FORII_TEST_TRITON`` is its ``host:port``, ``FORII_TEST_MODEL`` the folder of the build that it serves,
``FORII_TEST_METRICS`` the URL of its metrics page.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

# What an engine runs at this moment: our own engines' gauge, and that of the TensorRT-LLM backend.
_GAUGES = (
    r'(?m)^forii_engine_sequences_running\{{model="{model}"[^}}]*\}} (\S+)$',
    r'(?m)^nv_trt_llm_request_metrics\{{(?=[^}}]*model="{model}")(?=[^}}]*request_type="active")[^}}]*\}} (\S+)$',
)


@dataclass(frozen=True)
class Deployed:
    address: str
    build: Path
    metrics_url: str


def deployed() -> Deployed | None:
    """None where the tests start a Triton of their own."""
    address = os.environ.get("FORII_TEST_TRITON")
    if not address:
        return None
    return Deployed(address, Path(os.environ["FORII_TEST_MODEL"]), os.environ["FORII_TEST_METRICS"])


DEPLOYED = deployed()


def sequences_running(page: str, model: str) -> int:
    """By Triton's metrics page; a gauge has no value before the first sequence. model: as Triton calls it."""
    for gauge in _GAUGES:
        found = re.search(gauge.format(model=re.escape(model)), page)
        if found:
            return int(float(found[1]))
    return 0
