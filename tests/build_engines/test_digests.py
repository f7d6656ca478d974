"""What is remembered of a file, and what makes it be forgotten."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from build_engines.digests import Digests
from build_engines.gguf_model import GgufError
from build_engines.recipe import GgufSource
from build_engines.sources import source_digest


class Reader:
    """Stands for a digest's computation. count: how often it was asked."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, file: Path) -> str:
        self.count += 1
        return file.read_text()


class Steps:
    """A Progress that remembers which steps began."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def wait(self, step: str) -> None: ...

    def start(self, step: str) -> None:
        self.started.append(step)

    def advance(self, step: str, done: int, total: int | None) -> None: ...

    def finish(self, step: str, seconds: float) -> None: ...


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "weights"
    file.write_text("one")
    return file


def test_a_file_that_stays_as_it_is_is_read_once(file: Path, tmp_path: Path) -> None:
    reader = Reader()
    link = tmp_path / "link"
    link.symlink_to(file)
    assert [Digests(tmp_path / "d").of(path, reader) for path in (file, file, link)] == ["one"] * 3
    assert reader.count == 1


def test_a_file_that_changed_is_read_again_though_its_size_and_time_are_set_back(
    file: Path, tmp_path: Path
) -> None:
    digests, reader, before = Digests(tmp_path / "d"), Reader(), file.stat()
    assert digests.of(file, reader) == "one"
    time.sleep(0.02)  # a file system's clock ticks a few hundred times a second
    file.write_text("two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests.of(file, reader) == "two"
    file.unlink()
    with pytest.raises(FileNotFoundError):
        digests.of(file, reader)


def test_two_files_have_a_digest_each(file: Path, tmp_path: Path) -> None:
    digests, other = Digests(tmp_path / "d"), tmp_path / "other"
    other.write_text("two")
    assert [digests.of(path, Reader()) for path in (file, other, file)] == ["one", "two", "one"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"mark": "1 2 3"}'])
def test_what_is_damaged_is_made_anew(file: Path, tmp_path: Path, damage: bytes) -> None:
    digests, reader = Digests(tmp_path / "d"), Reader()
    digests.of(file, reader)
    (remembered,) = (tmp_path / "d").iterdir()
    remembered.write_bytes(damage)
    assert [digests.of(file, reader) for _ in range(2)] == ["one", "one"]
    assert reader.count == 2


def test_a_folder_that_cannot_be_written_costs_only_time(file: Path, tmp_path: Path) -> None:
    (tmp_path / "d").write_text("no folder")
    assert Digests(tmp_path / "d").of(file, Reader()) == "one"


def test_a_bare_gguf_file_is_read_by_its_first_start_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(b"GGUF" + bytes(1000))
    source, steps = GgufSource(kind="gguf", file=file), Steps()
    assert source_digest(source, tmp_path, steps) == source_digest(source, tmp_path, steps)
    assert steps.started == ["digest"]
    file.write_bytes(b"none" + bytes(1000))
    with pytest.raises(GgufError, match="not a GGUF file"):
        source_digest(source, tmp_path, steps)
