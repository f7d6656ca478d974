"""Models that load too slowly or do not unload: what Triton, the guard and the next try find afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from build_engines.build import TEMPLATES
from build_engines.repository import template_files, write_model_folder
from launcher import repository
from launcher.guard import KEPT
from launcher.repository import Repository
from launcher.triton import EmbeddedTriton, TritonError
from tests.launcher.test_triton import run_folder, stubs, wait_until
from tests.model_repository.client import TokenClient

SLOW = "slow"
LOAD_SECONDS = 4.0


@pytest.fixture
def triton(scripted_build: Path, tmp_path: Path) -> Iterator[EmbeddedTriton]:
    with EmbeddedTriton([scripted_build], log_path=tmp_path / "log.txt", run_root=tmp_path) as server:
        server.wait_ready(60)
        yield server


def slow_build(folder: Path) -> Path:
    """A build whose model takes LOAD_SECONDS to load."""
    values: dict[str, str | int] = {
        "triton_model": SLOW,
        "context": 100,
        "vocab_size": 100,
        "end_ids": "2",
        "pad_id": 2,
    }
    model = folder / "repository" / SLOW
    write_model_folder(template_files(TEMPLATES, "scripted"), values, model)
    with (model / "1/model.py").open("a") as code:
        code.write(f"\nimport time\n\ntime.sleep({LOAD_SECONDS})\n")
    return folder


def processes_of(name: str, run: str) -> list[str]:
    return [word for one in stubs(run) for word in one.cmdline() if f"/{name}/" in word]


def test_a_load_that_takes_too_long_leaves_nothing_in_triton_and_can_be_tried_again(
    triton: EmbeddedTriton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, run = slow_build(tmp_path / "build"), run_folder(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(repository, "_LOAD_SECONDS", 1.0)
        with pytest.raises(TritonError, match="cannot load slow: Deadline Exceeded"):
            triton.load(slow)
    assert not list((tmp_path / run).glob(f"*/{SLOW}"))
    wait_until(lambda: not processes_of(SLOW, run), LOAD_SECONDS + 5)
    triton.load(slow)
    with TokenClient(triton.grpc_address, SLOW) as client:
        assert client.ask([7, 8], 3).ids == [7, 8, 7]


def test_a_model_that_cannot_be_unloaded_stays_for_triton_and_for_the_guard(tmp_path: Path) -> None:
    """And so for the Triton that the guard starts next."""
    model = tmp_path / "build" / SLOW
    model.mkdir(parents=True)
    gone = Repository(tmp_path, "127.0.0.1:9")
    gone.link(model)
    gone.keep(SLOW)
    with pytest.raises(TritonError, match="cannot unload slow"):
        gone.unload(SLOW)
    assert (tmp_path / KEPT / SLOW).exists()
    assert (tmp_path / "repository" / SLOW).resolve() == model
