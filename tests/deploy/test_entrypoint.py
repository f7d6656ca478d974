"""The container's entrypoint in front of a stand-in tritonserver."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from build_engines.build import build
from build_engines.progress import Silent
from build_engines.recipe import load_manifest, load_recipe
from tests.build_engines.stand_ins import install, recipe_text, search_path

ROOT = Path(__file__).parents[2]
STAND_IN = Path(__file__).with_name("stand_in_server.py")


class Container:
    """A machine with a cache, a stand-in for every program, and an entrypoint to start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.examples = install(folder)
        for name in ("tritonserver", "mpirun"):
            program = folder / "bin" / name
            program.write_text(STAND_IN.read_text().replace("/usr/bin/env python3", sys.executable))
            program.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def build(self, engine: str = "") -> Path:
        recipe = self.folder / "recipe.toml"
        recipe.write_text(recipe_text(engine))
        return build(load_recipe(recipe), self.cache, Silent(), examples=self.examples)

    def start(self, deed: str, *options: str, model: str = "test/tiny") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "deploy.entrypoint", model, "--cache", str(self.cache)]
        environment = {"FORII_STAND_IN": deed, "FORII_STAND_IN_FOLDER": str(self.folder)}
        with (self.folder / "said").open("wb") as said:
            self.process = subprocess.Popen(
                [*command, f"--http-port={self.port}", *options],
                cwd=ROOT,
                env={**os.environ, **environment, "PATH": search_path(self.folder)},
                stderr=said,
            )
        return self.process

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text()

    @property
    def argv(self) -> list[str]:
        return list(json.loads((self.folder / "argv.json").read_text()))

    def servers(self) -> list[int]:
        """The stand-in's processes that live."""
        path = self.folder / "pids.json"
        return [pid for pid in json.loads(path.read_text()) if _lives(pid)] if path.exists() else []

    def wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    monkeypatch.setenv("PATH", search_path(tmp_path))
    container = Container(tmp_path)
    yield container
    if container.process is not None:
        container.process.kill()
        container.process.wait()
    assert container.servers() == []


def test_it_serves_until_it_is_asked_to_end(container: Container) -> None:
    folder = container.build()
    process = container.start("good")
    container.wait_until(lambda: "the server is ready" in container.said)
    assert load_manifest(container.cache / "served").digest == load_manifest(folder).digest
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert (container.folder / "terminated").exists()


def test_one_gpu_needs_no_mpi(container: Container) -> None:
    folder = container.build()
    assert container.start("dies:0").wait(20) == 1
    assert container.argv[0] == "tritonserver"
    assert f"--model-repository={folder}/repository" in container.argv
    assert "--disable-auto-complete-config" in container.argv
    assert "--grpc-port=8001" in container.argv


def test_many_gpus_are_one_server_each_under_mpi(container: Container) -> None:
    container.build("tp = 2\npp = 2")
    assert container.start("dies:0").wait(20) == 1
    assert container.argv[:5] == ["mpirun", "--allow-run-as-root", "-n", "1", "tritonserver"]
    ranks = " ".join(container.argv).split(" : ")
    assert len(ranks) == 4
    assert ["--load-model=test-tiny" in rank for rank in ranks] == [False, True, True, True]
    assert ["--model-control-mode=explicit" in rank for rank in ranks] == [False, True, True, True]
    assert [f"prefix{number}_" in rank for number, rank in enumerate(ranks)] == [True] * 4


@pytest.mark.parametrize(("status", "expected"), [(3, 3), (0, 1), (255, 255)])
def test_a_server_that_dies_is_a_failure(container: Container, status: int, expected: int) -> None:
    container.build()
    assert container.start(f"dies:{status}").wait(20) == expected
    assert f"the server ended by itself, with status {status}" in container.said


def test_a_server_that_is_killed_is_a_failure(container: Container) -> None:
    container.build()
    process = container.start("good")
    container.wait_until(lambda: "the server is ready" in container.said)
    os.kill(container.servers()[0], signal.SIGKILL)
    assert process.wait(20) == 1
    assert "with status -9" in container.said


def test_a_server_that_is_never_ready_is_ended(container: Container) -> None:
    container.build()
    assert container.start("hangs", "--start-seconds=1").wait(20) == 1
    assert "was not ready after 1 s" in container.said


def test_a_server_that_will_not_end_is_killed_with_all_of_its_own(container: Container) -> None:
    container.build()
    process = container.start("ignores", "--stop-seconds=1")
    container.wait_until(lambda: "the server is ready" in container.said)
    assert len(container.servers()) == 2
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 1
    assert "did not end within 1 s and is killed" in container.said


def test_a_model_that_was_not_built_is_told_with_what_there_is(container: Container) -> None:
    container.build()
    assert container.start("good", model="forii/other").wait(20) == 2
    assert "no finished build of it" in container.said
    assert "there: test/tiny" in container.said


def test_a_build_that_was_moved_is_told(container: Container) -> None:
    folder = container.build()
    moved = shutil.copytree(folder, container.folder / "moved")
    assert container.start("good", model=str(moved)).wait(20) == 2
    assert "was made in another place" in container.said


def test_a_build_of_the_other_target_is_told(container: Container, built_model: Path) -> None:
    assert container.start("good", model=str(built_model)).wait(20) == 2
    assert "is a build for 'openvino'" in container.said
