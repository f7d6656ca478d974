"""``make test-gpu``, pointed at the embedded Triton."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from build_engines.recipe import load_manifest
from launcher.triton import EmbeddedTriton
from tests.deployed import sequences_running
from tests.holds import Report

ROOT = Path(__file__).parents[2]


def holds(*arguments: str, **environment: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.holds", *arguments]
    env = {**os.environ, **environment}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=170)
    return done.returncode, done.stdout + done.stderr


def test_what_holds_is_told(triton: EmbeddedTriton, built_model: Path) -> None:
    picked = ["-k", "a_room_of_one or a_closed_stream or is_there_is_ready or server_sent or killed_in_the_middle"]
    asked = [triton.grpc_address, str(built_model), "--metrics", triton.metrics_url, "--", *picked]
    status, said = holds(*asked, FORII_API_KEY="a key of the one who tests", FORII_MODEL="forii/nobody")
    assert status == 0, said
    table = said.partition("forii/smollm2-135m at ")[2]
    assert "holds          contract: a room of one is one id [in a Triton elsewhere]" in table
    assert "holds          contract: a model that is there is ready [in a Triton elsewhere]" in table
    assert "holds          sdk: a stream is server sent events" in table
    assert "not asked      sdk: triton killed in the middle of a stream\n" in table
    assert "breaks the server that it asks" in table
    assert ", 0 does NOT hold, 1 not asked" in table


def test_a_model_is_found_in_the_cache_by_its_id(triton: EmbeddedTriton, built_model: Path) -> None:
    name = load_manifest(built_model).recipe.model.id
    cache = ["--cache", str(built_model.parents[1]), "--metrics", triton.metrics_url]
    status, said = holds(triton.grpc_address, name, *cache, "--", "-k", "a_room_of_one")
    assert status == 0, said
    assert "1 holds, 0 does NOT hold, 0 not asked" in said


def test_a_triton_that_is_not_there_holds_nothing(built_model: Path) -> None:
    status, said = holds("127.0.0.1:9", str(built_model), "--", "-k", "a_room_of_one and contract")
    assert status == 1
    assert "does NOT hold  contract: a room of one is one id [in a Triton elsewhere]" in said
    assert "0 holds, 1 does NOT hold" in said


def test_nothing_to_ask_is_no_success(tmp_path: Path, built_model: Path) -> None:
    assert holds("127.0.0.1:9", "forii/nobody", "--cache", str(tmp_path))[0] == 2
    assert holds("127.0.0.1:9", str(built_model), "--", "-k", "no_such_test")[0] == 2


def test_the_make_target_says_how_it_is_called() -> None:
    done = subprocess.run(
        ["make", "-o", ".venv/dev.done", "test-gpu"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "make test-gpu TRITON=HOST:PORT MODEL=" in done.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('forii_engine_sequences_running{model="m",version="1"} 3', 3),
        ('nv_trt_llm_request_metrics{model="m",request_type="active",version="1"} 2', 2),
        ('nv_trt_llm_request_metrics{model="m",request_type="max",version="1"} 64', 0),
        ('forii_engine_sequences_running{model="other",version="1"} 3', 0),
    ],
)
def test_either_engine_says_how_much_it_runs(line: str, expected: int) -> None:
    assert sequences_running(f"# HELP\n{line}\n", "m") == expected


def test_a_failure_in_the_teardown_is_a_failure() -> None:
    report = Report()
    for when, outcome in (("setup", "passed"), ("call", "passed"), ("teardown", "failed")):
        assert outcome in ("passed", "failed")
        report.pytest_runtest_logreport(
            pytest.TestReport("tests/sdk/test_a.py::test_b", ("a", 1, "b"), {}, outcome, "gone\nwhy", when)  # type: ignore[arg-type]
        )
    assert report.table() == f"does NOT hold  sdk: b\n{'':<15}why\n0 holds, 1 does NOT hold, 0 not asked\n"
    assert os.environ.get("FORII_TEST_TRITON") is None
