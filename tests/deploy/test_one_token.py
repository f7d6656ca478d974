"""The health check, against the real Triton with the real model, and against what is not well."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from build_engines.recipe import load_manifest
from deploy.one_token import main, one_token
from launcher.triton import EmbeddedTriton


def options(address: str, build: Path) -> list[str]:
    return ["--address", address, "--build", str(build), "--seconds", "10"]


def test_a_model_that_answers_is_well(
    triton: EmbeddedTriton, built_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options(triton.grpc_address, built_model)) == 0
    assert capsys.readouterr().out == "forii-smollm2-135m answers, 1 token\n"


def test_it_asks_for_one_token(triton: EmbeddedTriton, built_model: Path) -> None:
    assert one_token(triton.grpc_address, load_manifest(built_model), 10) <= 1


def test_a_model_that_is_not_there_is_not_well(
    triton: EmbeddedTriton, built_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = load_manifest(built_model).model_copy(update={"triton_model": "nobody"})
    with pytest.raises(RuntimeError, match="nobody"):
        one_token(triton.grpc_address, manifest, 10)
    assert main(options(triton.grpc_address, built_model / "tokenizer")) == 1
    assert "holds no finished build" in capsys.readouterr().err


def test_no_server_is_not_well(built_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options("127.0.0.1:9", built_model)) == 1
    assert "127.0.0.1:9: UNAVAILABLE" in capsys.readouterr().err


def test_a_server_that_hangs_is_not_well(built_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        assert main(["--address", address, "--build", str(built_model), "--seconds", "1"]) == 1
    assert "DEADLINE_EXCEEDED" in capsys.readouterr().err
