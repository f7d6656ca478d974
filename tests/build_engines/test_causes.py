"""What programs are known to end with, and what a person is told."""

from __future__ import annotations

import re
import signal

import pytest

from build_engines.causes import CAUSES, likely_cause


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("huggingface_hub.errors.GatedRepoError: 401 Client Error.", "set HF_TOKEN"),
        ("ConnectionError: Couldn't reach 'cnn_dailymail' on the Hub", "engine.calibration"),
        ("OSError: [Errno 28] No space left on device", "disk"),
        ("ImportError: libcuda.so.1: cannot open shared object file: No such file", "--gpus all"),
        ("OSError: GPU is required for inference.", "--gpus all"),
        ("RuntimeError: CUDA driver version is insufficient for CUDA runtime version", "driver is too old"),
        ("RuntimeError: CUDA error: no kernel image is available for execution on the device", "engine.gpu"),
        ("torch.OutOfMemoryError: CUDA out of memory.", "memory does not suffice"),
        ("trtllm-build: error: unrecognized arguments: --kv_cache_type", "not 1.2.1"),
        ("AssertionError: Unsupported model architecture: Foo", "cannot build an engine"),
        ("ModuleNotFoundError: No module named 'modelopt'", "ModelOpt"),
        ("safetensors_rust.SafetensorError: Error while deserializing header", "damaged"),
    ],
)
def test_a_known_failure_has_a_cause(log: str, told: str) -> None:
    cause = likely_cause(f"before\n{log}\nafter", 1)
    assert cause is not None
    assert told in cause


def test_an_unknown_failure_has_none() -> None:
    assert likely_cause("AssertionError: something new", 1) is None


def test_a_kill_is_most_often_the_host_s_memory() -> None:
    assert "host's memory" in str(likely_cause("", -signal.SIGKILL))
    assert likely_cause("", -signal.SIGSEGV) is None


def test_every_pattern_can_be_read() -> None:
    for pattern, cause in CAUSES:
        assert re.compile(pattern)
        assert cause[0].islower() or cause.startswith(("ModelOpt", "TensorRT"))
