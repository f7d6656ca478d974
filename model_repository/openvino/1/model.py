"""The OpenVINO model: see engine.py for what runs."""

from __future__ import annotations

from collections.abc import Sequence

import triton_python_backend_utils as pb_utils
from engine import OpenVinoEngine
from served import Served


class TritonPythonModel:
    """What Triton's Python backend calls."""

    def initialize(self, args: dict[str, str]) -> None:
        self._served = Served(args, OpenVinoEngine)

    def execute(self, requests: Sequence[pb_utils.InferenceRequest]) -> None:
        self._served.take(requests)

    def finalize(self) -> None:
        self._served.close()
