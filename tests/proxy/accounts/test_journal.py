"""What comes back from the journal: never more than was written, never twice, whatever it was cut at."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.accounts import journal as journal_module
from proxy.accounts.journal import Backlog, Journal, abandoned, replay
from proxy.accounts.meter import Meter
from proxy.accounts.usage_record import UsageRecord
from tests.proxy.accounts.usage import record


class FakeMeter:
    """One whose request has got so far."""

    def __init__(self, now: UsageRecord) -> None:
        self.now = now

    def checkpoint(self) -> UsageRecord:
        return self.now


def running(*records: UsageRecord) -> list[Meter]:
    return [cast(Meter, FakeMeter(one)) for one in records]


def leave(journal: Journal) -> None:
    """As a SIGKILL does: the files stay as they are, the lock is gone."""
    journal.end_segment()
    os.close(journal._lock)


def taken(root: Path) -> list[UsageRecord]:
    """What a process that starts finds, which is gone then."""
    found = []
    for backlog in abandoned(root):
        while some := backlog.take(3):
            found += some
        backlog.done()
    return found


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    odd = record(3, user='"\n\r\u2028ü\x85', metadata={"a\nb": "+{}"}, first_token_ms=None)
    records = [record(1), record(2, user=None, metadata={}), odd]
    journal = Journal(tmp_path)
    journal.write(records[:2], [], [], kept=True)
    journal.write(records[2:], [], [], kept=True)
    leave(journal)
    assert taken(tmp_path) == records
    assert list(tmp_path.iterdir()) == []


def test_a_request_that_ran_comes_back_from_its_last_checkpoint_and_one_that_ended_does_not(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path)
    runs, ends = record(5, status=500), record(6, status=500)
    journal.write([], running(replace(runs, completion_tokens=2), ends), [], kept=True)
    journal.write([record(6)], running(runs), [], kept=True)
    leave(journal)
    assert taken(tmp_path) == [record(6), runs]


def test_what_it_makes_is_its_owners_alone(tmp_path: Path) -> None:
    """The folder of the state too, which the journal may be the first to need."""
    root = tmp_path / "state" / "journal"
    assert abandoned(root) == []
    Journal(root).write([record(1)], [], [], kept=True)
    (own,) = root.iterdir()
    (segment,) = own.iterdir()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (root.parent, root, own, segment)]
    assert modes == [0o700, 0o700, 0o700, 0o600]


def test_nobody_waits_for_the_disk_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync takes as long as the disk likes; what is written meanwhile is synced by the next one."""
    begun, over = threading.Semaphore(0), threading.Event()

    def sync(file: int) -> None:
        # Journals that other tests left may be at it, too.
        if any(os.path.samestat(os.fstat(file), path.stat()) for path in tmp_path.rglob("*.jsonl")):
            begun.release()
            assert over.wait(30)

    monkeypatch.setattr(os, "fdatasync", sync)
    monkeypatch.setattr(journal_module, "_SYNC_SECONDS", 0.0)
    journal = Journal(tmp_path)
    try:
        journal.write([record(1)], [], [], kept=True)
        assert begun.acquire(timeout=30)
        journal.write([record(2)], [], [], kept=True)
        assert not begun.acquire(timeout=0.05), "one at a time"
    finally:
        over.set()
    assert journal._syncing is not None
    journal._syncing.result(30)
    journal.write([], [], [], kept=True)
    assert begun.acquire(timeout=30), "without anything new to write, too"
    journal._syncing.result(30)
    journal.write([], [], [], kept=True)
    assert not begun.acquire(timeout=0.05), "there is nothing to sync"
    journal.close(empty=True)


def test_nobody_takes_what_a_living_process_has(tmp_path: Path) -> None:
    living = Journal(tmp_path)
    living.write([record(1)], [], [], kept=True)
    assert abandoned(tmp_path) == []
    other = Journal(tmp_path)
    other.write([record(2)], [], [], kept=True)
    leave(other)
    assert taken(tmp_path) == [record(2)]
    leave(living)
    assert taken(tmp_path) == [record(1)]


def test_what_one_has_taken_over_another_one_does_not(tmp_path: Path) -> None:
    dead = Journal(tmp_path)
    dead.write([record(1)], [], [], kept=True)
    leave(dead)
    first = abandoned(tmp_path)
    assert abandoned(tmp_path) == []
    assert first[0].take(10) == [record(1)]
    first[0].close()
    assert taken(tmp_path) == [record(1)]


def test_one_that_ends_well_leaves_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write([record(1)], [], [], kept=True)
    journal.close(empty=True)
    assert list(tmp_path.iterdir()) == []


def test_only_its_own_user_may_read_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write([record(1)], [], [], kept=True)
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    leave(journal)


def test_a_full_segment_goes_once_its_records_are_written_and_what_runs_is_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_SEGMENT_BYTES", 1)
    journal, runs = Journal(tmp_path), record(9, status=500)
    first = journal.write([record(1)], running(runs), running(runs), kept=True)
    assert first is not None
    later = replace(runs, completion_tokens=11)
    journal.write([record(2)], [], running(later), kept=True)
    assert first.closed
    journal.write([], [], [], kept=True, obsolete=[first])
    assert not first.path.exists()
    leave(journal)
    assert taken(tmp_path) == [record(2), later]


def test_a_segment_of_checkpoints_alone_goes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_SEGMENT_BYTES", 1)
    journal, runs = Journal(tmp_path), record(9, status=500)
    for count in range(5):
        runs = replace(runs, completion_tokens=count)
        journal.write([], running(runs), running(runs), kept=True)
    (folder,) = tmp_path.iterdir()
    assert len(list(folder.iterdir())) == 1
    leave(journal)
    assert taken(tmp_path) == [runs]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 3)),
        st.tuples(st.just("grow"), st.integers(0, 3)),
        st.tuples(st.just("mark"), st.just(0)),
        st.tuples(st.just("end"), st.integers(0, 3)),
    ),
    max_size=25,
)


@given(steps=STEPS, segment=st.sampled_from([1, 900, 10**6]))
@settings(max_examples=25, deadline=None)
def test_cut_at_every_byte_it_is_never_more_than_was_received_and_never_twice(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[tuple[str, int]], segment: int
) -> None:
    root = tmp_path_factory.mktemp("journal")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_module, "_SEGMENT_BYTES", segment)
        received, ended = play(Journal(root), steps)
    (folder,) = root.iterdir()
    segments = sorted(folder.iterdir())
    data = [path.read_bytes() for path in segments]
    whole = found_in(segments)
    assert {one.id: one for one in whole}.keys() >= ended.keys()
    assert all(one == ended[one.id] for one in whole if one.id in ended)
    for place, path in enumerate(segments):
        for cut in range(0, len(data[place]), 1 if len(data[place]) < 3000 else 37):
            path.write_bytes(data[place][:cut])
            # A process is cut at its last byte: what would have come after is not there.
            found = found_in(segments[: place + 1])
            assert len({one.id for one in found}) == len(found)
            assert all(one.completion_tokens <= received[one.id] for one in found)
            assert all(one == ended[one.id] for one in found if one.status == 200)
        path.write_bytes(data[place])


def found_in(segments: Sequence[Path]) -> list[UsageRecord]:
    return list(replay(segments, checkpoints=True))


def play(journal: Journal, steps: Sequence[tuple[str, int]]) -> tuple[dict[str, int], dict[str, UsageRecord]]:
    """What each request received in the end, and the records of those that ended."""
    live: dict[int, FakeMeter] = {}
    received: dict[str, int] = {}
    ended: dict[str, UsageRecord] = {}
    for number, (what, slot) in enumerate(steps):
        records: list[UsageRecord] = []
        if what == "begin" and slot not in live:
            live[slot] = FakeMeter(record(1000 + number, completion_tokens=0, status=500))
        elif what == "grow" and slot in live:
            live[slot].now = replace(live[slot].now, completion_tokens=live[slot].now.completion_tokens + 1)
        elif what == "end" and slot in live:
            done = replace(live.pop(slot).now, status=200)
            ended[done.id] = done
            received[done.id] = done.completion_tokens
            records = [done]
        received |= {meter.now.id: meter.now.completion_tokens for meter in live.values()}
        meters = [cast(Meter, meter) for meter in live.values()]
        journal.write(records, meters if what == "mark" else [], meters, kept=True)
    leave(journal)
    return received, ended


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """A file may grow to so many bytes, then a write is cut short or fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_disk_that_is_full_takes_no_half_line_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write([record(1)], [], [], kept=True)
    with full_after(500), pytest.raises(OSError, match="large"):
        journal.write([record(2)], [], [], kept=True)
    journal.write([record(3)], [], [], kept=True)
    leave(journal)
    assert taken(tmp_path) == [record(1), record(3)]


def _write_until_killed(root: str, count: int) -> None:
    journal = Journal(Path(root))
    for number in range(count):
        journal.write([record(number)], running(record(10**6, status=500)), [], kept=True)
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_process_wrote_survives_its_sigkill(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_write_until_killed, args=(str(tmp_path), 50))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert taken(tmp_path) == [*(record(number) for number in range(50)), record(10**6, status=500)]


def test_records_of_a_living_process_are_read_back_without_its_checkpoints(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    segment = journal.write([record(1)], running(record(2, status=500)), [], kept=False)
    assert segment is not None
    journal.end_segment()
    backlog = Backlog([segment.path])
    assert (backlog.count(), backlog.take(10), backlog.take(10)) == (1, [record(1)], [])
    backlog.done()
    assert not segment.path.exists()
    journal.close(empty=True)
