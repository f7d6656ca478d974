"""The plan of a build and its execution: steps in, finished folders out.

Each step fills one folder. The folder's name carries the step's key, a digest of everything that goes into it
(its material and the keys of the steps it needs), so a finished step is found again and a changed one is not::

    CACHE/steps/fetch-3c1f.../            a finished step
    CACHE/models/forii-smollm2-9b2e.../   the last step of a plan
    CACHE/work/9b2e....x7k2/              a step that runs, or was killed; swept by the next run
    CACHE/partial/fetch-3c1f.../          the same of a step that resumes; stays for its next run
    CACHE/locks/9b2e...                   held while that step runs
    CACHE/logs/export-3c1f....log         what the step's programs wrote, kept whatever came of it

A step works in ``work/`` or ``partial/``, and its folder is renamed into place when it is done: what has its final
name is finished.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from build_engines.progress import Progress

_SHOWN = 12  # of the key's 64 digits, in folder names


@dataclass(frozen=True)
class Task:
    """What a running step is given: the folder to fill, its own key, the finished folders of the steps it
    needs by their names, and a way to say how far it is (done, and the total where it is known).

    final: where the folder will be once it is finished. log: the file for what programs write.
    """

    folder: Path
    final: Path
    log: Path
    key: str
    inputs: Mapping[str, Path]
    advance: Callable[[int, int | None], None]


@dataclass(frozen=True)
class Command:
    """A program that does a step. reasons: why a flag is given, by the flag."""

    argv: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)


# The folder to fill and the folders of the needed steps in, the program out.
Commander = Callable[[Path, Mapping[str, Path]], Command]


@dataclass(frozen=True)
class Step:
    """material: all that decides about the result, beside the needed steps. place: the finished folder below
    the cache, without the key. title: what it does, in a few words. command: for a step that one program does,
    that program (``run`` runs it). resumes: ``run`` goes on with what an earlier run, ended early, left in the
    folder."""

    name: str
    place: str
    material: Mapping[str, str]
    needs: tuple[Step, ...]
    run: Callable[[Task], None]
    title: str = ""
    command: Commander | None = None
    resumes: bool = False

    def inputs(self, cache: Path) -> dict[str, Path]:
        """The folders of the steps it needs, by their names."""
        return {need.name: need.folder(cache) for need in self.needs}

    @property
    def key(self) -> str:
        """SHA-256 in hex, over the name, the material and the keys of the needed steps."""
        content = [self.name, dict(self.material), [step.key for step in self.needs]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def folder(self, cache: Path) -> Path:
        """Where the step's result is, once it is finished."""
        return cache / f"{self.place}-{self.key[:_SHOWN]}"

    def log(self, cache: Path) -> Path:
        """The file that its programs write into."""
        return cache / "logs" / f"{self.name}-{self.key[:_SHOWN]}.log"

    def order(self) -> list[Step]:
        """This step and all it needs, each once, in the order in which they run."""
        steps = [step for need in self.needs for step in need.order()]
        return list({step.key: step for step in [*steps, self]}.values())


def run(step: Step, cache: Path, progress: Progress) -> Path:
    """Brings ``step`` and all it needs to an end and returns its folder. Finished steps are not run again.

    Two runs at once, in any processes, do not collide: the second waits for the first and finds its result.
    Whatever a step raises passes through, and leaves nothing of that step behind but what one that resumes has.
    """
    _sweep(cache)
    return _finished(step, cache, progress)


def _finished(step: Step, cache: Path, progress: Progress) -> Path:
    folder = step.folder(cache)
    if not folder.exists():
        inputs = {need.name: _finished(need, cache, progress) for need in step.needs}
        started = time.monotonic()
        with _lock(cache, step, progress) as waited:
            if not folder.exists():
                _run_alone(step, cache, inputs, progress)
            elif not waited:
                return folder
        progress.finish(step.name, time.monotonic() - started)
    return folder


def _run_alone(step: Step, cache: Path, inputs: Mapping[str, Path], progress: Progress) -> None:
    progress.start(step.name)
    with _workplace(step, cache) as folder:
        step.run(_task(step, cache, folder, inputs, progress))
        _flush(folder)
        step.folder(cache).parent.mkdir(parents=True, exist_ok=True)
        folder.rename(step.folder(cache))
        _sync(step.folder(cache).parent)


@contextmanager
def _workplace(step: Step, cache: Path) -> Iterator[Path]:
    """The folder that the step fills."""
    if step.resumes:
        folder = cache / "partial" / step.folder(cache).name
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    work = cache / "work"
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{step.key}.", dir=work) as temporary:
        folder = Path(temporary, "folder")
        folder.mkdir()
        yield folder


def _task(step: Step, cache: Path, folder: Path, inputs: Mapping[str, Path], progress: Progress) -> Task:
    log = step.log(cache)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)

    def advance(done: int, total: int | None) -> None:
        progress.advance(step.name, done, total)

    return Task(folder, step.folder(cache), log, step.key, inputs, advance)


@contextmanager
def _lock(cache: Path, step: Step, progress: Progress) -> Iterator[bool]:
    """Holds the step's lock; says whether it had to wait for it."""
    with _open_lock(cache, step.key) as descriptor:
        free = _try_lock(descriptor)
        if not free:
            progress.wait(step.name)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield not free


@contextmanager
def _open_lock(cache: Path, key: str) -> Iterator[int]:
    """A lock file's descriptor; closing it gives the lock back, and so does the end of the process."""
    folder = cache / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / key, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sweep(cache: Path) -> None:
    """Removes what killed runs left: every work folder whose step nobody holds the lock of."""
    for stale in (cache / "work").glob("*"):
        with _open_lock(cache, stale.name.partition(".")[0]) as descriptor:
            if _try_lock(descriptor):
                shutil.rmtree(stale, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Puts every file and folder on the disk before the rename can get there."""
    for path in (*folder.rglob("*"), folder):
        if not path.is_symlink():
            _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
