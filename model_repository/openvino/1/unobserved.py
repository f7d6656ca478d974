"""OpenVINO itself, without what tells its makers: left to itself, the package sends an event over the network at
each import."""

import sys

# It takes a stand-in that does nothing where this one cannot be imported.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402
import openvino_genai as genai  # noqa: E402

__all__ = ["genai", "openvino"]
