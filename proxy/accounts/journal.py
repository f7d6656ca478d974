"""The usage records that a database may not have yet, in files that survive the process.

Each process has a folder of its own below the journal's, which it holds a lock on as long as it lives, and in it
segments that are only appended to. A line is a sign and a record as JSON: ``+`` of a request that ended, ``-`` of
one that ran (a checkpoint), of which the last one counts, and only if no ``+`` follows. A new segment begins with
checkpoints of all that run, so an old one may go as soon as its ``+`` lines are in the database.

Whoever starts takes over the folders that nobody holds a lock on. A line that was cut off by the process's end is
no JSON and is left out. Every write is handed to the kernel at once, which is all that a SIGKILL asks for; for a
power cut the file is synced, at most once a second and in a thread of its own: nobody waits for the disk itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from .meter import Meter
from .private_folder import make_private
from .usage_record import UsageRecord

logger = logging.getLogger(__name__)

_RECORD = TypeAdapter(UsageRecord)
_SEGMENT_BYTES = 1024 * 1024
# A folder gets its name when its lock is held; one that never does is left by a process that died at that.
_NEW = ".new-"
_NEW_SECONDS = 60.0
_SYNC_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class Segment:
    """One file. kept: its records are in memory too, on their way to the database; of the others only the file
    knows. rows: finished records in it. closed: nothing will be added."""

    path: Path
    kept: bool
    rows: int = 0
    closed: bool = False


class Journal:
    """The journal of this process in the folder. Synchronous; used by one thread at a time. Raises OSError where
    nothing can be written."""

    def __init__(self, folder: Path) -> None:
        make_private(folder)
        name = secrets.token_hex(8)
        new = folder / f"{_NEW}{name}"
        new.mkdir(mode=0o700)
        lock = _lock(new)
        assert lock is not None
        self._lock = lock
        self._folder = new.rename(folder / name)
        self._segment: Segment | None = None
        self._file = -1
        self._size = 0
        self._count = 0
        self._synced = 0.0
        # Whether something was written since the file was synced last.
        self._dirty = False
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="journal-sync")
        self._syncing: Future[None] | None = None
        # Segments without records, whose checkpoints count until the next one has newer ones.
        self._hollow: list[Segment] = []

    def write(
        self,
        records: Sequence[UsageRecord],
        marks: Iterable[Meter],
        running: Iterable[Meter],
        *,
        kept: bool,
        obsolete: Iterable[Segment] = (),
    ) -> Segment | None:
        """Appends ended records and checkpoints of marks. running: all that run. kept: whether the records are in
        memory too. obsolete: segments whose records are in the database; what was asked to be written goes first.
        Returns the records' segment, None without any. Raises OSError, with nothing written."""
        data = b"".join(
            [*(_line(b"-", meter.checkpoint()) for meter in marks), *(_line(b"+", one) for one in records)]
        )
        if self._segment is not None and (self._segment.kept != kept or self._size >= _SEGMENT_BYTES):
            self.end_segment()
        if data:
            if self._segment is None:
                data = b"".join(_line(b"-", meter.checkpoint()) for meter in running) + data
                self._open_segment(kept)
            self._append(data)
            self._remove([*obsolete, *self._hollow])
            self._hollow.clear()
        else:
            self._remove(obsolete)
        self._sync_in_time()
        if not records or self._segment is None:
            return None
        self._segment.rows += len(records)
        return self._segment

    def close(self, *, empty: bool) -> None:
        """empty: all that was written is in the database, so nothing has to stay."""
        self.end_segment()
        self._syncer.shutdown(wait=True)
        if empty:
            for path in self._folder.iterdir():
                path.unlink()
            self._folder.rmdir()
        os.close(self._lock)

    def _open_segment(self, kept: bool) -> None:
        path = self._folder / f"{self._count:08}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._count += 1
        self._size = 0
        self._segment = Segment(path, kept)

    def end_segment(self) -> None:
        if self._segment is not None:
            self._segment.closed = True
            if not self._segment.rows:
                self._hollow.append(self._segment)
            self._segment = None
            if self._dirty:
                self._sync()
            os.close(self._file)
            self._file = -1

    def _sync_in_time(self) -> None:
        busy = self._syncing is not None and not self._syncing.done()
        if self._dirty and not busy and time.monotonic() - self._synced >= _SYNC_SECONDS:
            self._sync()

    def _sync(self) -> None:
        """Begins to; the file may be closed meanwhile."""
        try:
            file = os.dup(self._file)
        except OSError as error:
            logger.warning("the usage journal cannot be synced: %s", error)
            return
        self._dirty, self._synced = False, time.monotonic()
        self._syncing = self._syncer.submit(_sync, file)

    def _remove(self, segments: Iterable[Segment]) -> None:
        for one in segments:
            one.path.unlink(missing_ok=True)

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            # Half a line must not have another one behind it.
            try:
                os.ftruncate(self._file, self._size)
            except OSError:
                self.end_segment()
            raise
        self._size += len(data)
        self._dirty = True


def abandoned(root: Path) -> list[Backlog]:
    """What processes left in the journal that are no more, now this one's. Raises OSError."""
    make_private(root)
    found = []
    for folder in sorted(root.iterdir()):
        if folder.name.startswith(_NEW):
            _remove_stillborn(folder)
        elif folder.is_dir() and (lock := _lock(folder)) is not None:
            found.append(Backlog(sorted(folder.iterdir()), folder, lock))
    return found


class Backlog:
    """Records that only files have. folder, lock: of a process that is no more; its checkpoints count too."""

    def __init__(self, paths: Sequence[Path], folder: Path | None = None, lock: int = -1) -> None:
        self._paths = paths
        self._folder = folder
        self._lock = lock
        self._records = replay(paths, checkpoints=folder is not None)

    @property
    def own(self) -> bool:
        """Whether this process wrote them."""
        return self._folder is None

    def count(self) -> int:
        """How many there are."""
        return sum(1 for _ in replay(self._paths, checkpoints=self._folder is not None))

    def take(self, most: int) -> list[UsageRecord]:
        """The next ones; none are left when none come. Raises OSError."""
        return list(islice(self._records, most))

    def done(self) -> None:
        """All are in the database."""
        for path in self._paths:
            path.unlink(missing_ok=True)
        if self._folder is not None:
            self._folder.rmdir()
        self.close()

    def close(self) -> None:
        """Leaves them to others."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def replay(paths: Iterable[Path], *, checkpoints: bool) -> Iterator[UsageRecord]:
    """The records of segments, the oldest first; checkpoints: also of requests that never ended."""
    running: dict[str, UsageRecord] = {}
    for path in paths:
        with path.open("rb") as lines:
            for line in lines:
                record = _read(line)
                if record is None:
                    logger.warning("a line of the usage journal is cut off", extra={"file": path.name})
                elif line.startswith(b"+"):
                    running.pop(record.id, None)
                    yield record
                else:
                    running[record.id] = record
    if checkpoints:
        yield from running.values()


def _sync(file: int) -> None:
    """Closes it, too."""
    try:
        os.fdatasync(file)
    except OSError as error:
        logger.warning("the usage journal cannot be synced: %s", error)
    finally:
        os.close(file)


def _line(sign: bytes, record: UsageRecord) -> bytes:
    return b"%b%b\n" % (sign, _RECORD.dump_json(record))


def _read(line: bytes) -> UsageRecord | None:
    if line[:1] not in (b"+", b"-"):
        return None
    try:
        return _RECORD.validate_json(line[1:])
    except ValidationError:
        return None


def _lock(folder: Path) -> int | None:
    """A lock on the folder, held until it is closed; None if somebody has it or the folder is gone."""
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if folder.exists() and os.path.samestat(os.fstat(held), folder.stat()):
            return held
    except BlockingIOError:
        """Somebody lives there."""
    os.close(held)
    return None


def _remove_stillborn(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if time.time() - folder.stat().st_mtime > _NEW_SECONDS:
            folder.rmdir()
