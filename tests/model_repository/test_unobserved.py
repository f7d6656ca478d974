from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What OpenVINO tells with, once it is imported.
TELLS = "import {module}; from openvino.tools import ovc; print(type(ovc.telemetry).__module__)"


@pytest.mark.parametrize(
    ("folder", "module"),
    [("model_repository/openvino/1", "unobserved"), (".", "build_engines.targets.openvino_export")],
)
def test_openvino_tells_nobody_that_it_is_used(folder: str, module: str) -> None:
    command = [sys.executable, "-c", TELLS.format(module=module)]
    told = subprocess.run(command, cwd=ROOT / folder, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "openvino.tools.ovc.telemetry_stub"
