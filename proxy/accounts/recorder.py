"""Usage records into the database, in batches and in a task of their own.

Records wait in memory, a bounded number of them. When the database is away for so long that no more fit, those
that come are left in the journal's files alone, and read back from there once it takes rows again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from ..errors import DatabaseAway
from ..metrics import Metrics
from .journal import Backlog, Segment
from .usage_record import UsageRecord
from .usage_store import UsageStore

logger = logging.getLogger(__name__)

# Records. Making rows of them takes the event loop about 15 µs each.
BATCH = 100
_GATHER_SECONDS = 0.5
_MEMORY = 10_000  # records, about 1 kB each
_INSERT_SECONDS = 30.0
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0  # seconds between tries


class Recorder:
    """store: None takes everything and keeps nothing. written: told of each batch of this process's records that
    is in the database. memory: records that may wait in it."""

    def __init__(
        self,
        store: UsageStore | None,
        metrics: Metrics,
        written: Callable[[Sequence[UsageRecord]], None],
        memory: int = _MEMORY,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._written = written
        self._most = memory
        self._waiting: deque[tuple[UsageRecord, Segment | None]] = deque()
        self._unwritten: dict[Segment, int] = {}
        self._spilling = False
        self._spilled: deque[Segment] = deque()
        self._backlogs: deque[Backlog] = deque()
        self._pending = 0
        self._news = asyncio.Event()
        self._full = asyncio.Event()
        self._draining = False
        self._idle = asyncio.Event()

    @property
    def pending(self) -> int:
        """Records that are not in the database."""
        return self._pending

    def keeps(self, count: int) -> bool:
        """Whether so many more records fit into memory; else they are the journal's alone."""
        if self._spilling:
            self._spilling = bool(self._waiting)
        else:
            self._spilling = len(self._waiting) + count > self._most
        return not self._spilling

    def put(self, records: Sequence[UsageRecord], segment: Segment | None) -> None:
        """segment: where the journal has them; None if it has not."""
        if segment is not None and not segment.kept:
            if segment not in self._spilled:
                self._spilled.append(segment)
        else:
            room = len(records) if segment is not None else max(0, self._most - len(self._waiting))
            if lost := len(records) - min(room, len(records)):
                logger.error("usage records lost: neither journal nor database takes them", extra={"lost": lost})
                self._metrics.usage_lost.inc(lost)
            records = records[:room]
            self._waiting.extend((record, segment) for record in records)
            if segment is not None:
                self._unwritten[segment] = self._unwritten.get(segment, 0) + len(records)
        self._count(len(records))
        self._news.set()
        if len(self._waiting) >= BATCH:
            self._full.set()

    def take_over(self, backlogs: Sequence[Backlog], records: int) -> None:
        """What other processes left, so many records."""
        self._backlogs.extend(backlogs)
        self._count(records)
        self._news.set()

    def obsolete(self) -> list[Segment]:
        """Closed segments whose records are all in the database; each is told once."""
        done = [segment for segment, rows in self._unwritten.items() if segment.closed and not rows]
        for segment in done:
            del self._unwritten[segment]
        return done

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            if self._waiting:
                await self._write_waiting()
            elif self._spilled and self._spilled[0].closed:
                await self._write_backlog(Backlog([self._spilled[0].path]))
                self._spilled.popleft()
            elif self._backlogs:
                await self._write_backlog(self._backlogs[0])
                self._backlogs.popleft()
            else:
                self._news.clear()
                if not self._spilled:
                    self._idle.set()
                await self._news.wait()
                self._idle.clear()

    async def drain(self, within: float) -> bool:
        """Whether all is in the database, after so many seconds at most."""
        self._draining = True
        self._full.set()
        if not self._pending:
            return True
        try:
            await asyncio.wait_for(self._idle.wait(), within)
        except asyncio.TimeoutError:
            logger.warning("usage records are left for the next start", extra={"pending": self._pending})
        return not self._pending

    def close(self) -> None:
        for backlog in self._backlogs:
            backlog.close()

    async def _write_waiting(self) -> None:
        if len(self._waiting) < BATCH and not self._draining:
            self._full.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._full.wait(), _GATHER_SECONDS)
        batch = list(islice(self._waiting, BATCH))
        records = [record for record, _ in batch]
        await self._insert(records)
        for _, segment in batch:
            self._waiting.popleft()
            if segment is not None:
                self._unwritten[segment] -= 1
        self._done(records, own=True)

    async def _write_backlog(self, backlog: Backlog) -> None:
        loop = asyncio.get_running_loop()
        try:
            while records := await loop.run_in_executor(None, backlog.take, BATCH):
                await self._insert(records)
                self._done(records, own=backlog.own)
            await loop.run_in_executor(None, backlog.done)
        except OSError:
            logger.exception("a part of the usage journal cannot be read; it stays where it is")
        finally:
            backlog.close()

    async def _insert(self, records: Sequence[UsageRecord]) -> None:
        """Returns when they are in the database, however long it is away."""
        wait = _FIRST_WAIT
        while not await self._try(records):
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _try(self, records: Sequence[UsageRecord]) -> bool:
        """Whether the database is there. A record that it refuses for good is left out."""
        if self._store is None:
            return True
        try:
            await asyncio.wait_for(self._store.insert(records), _INSERT_SECONDS)
        except (DatabaseAway, asyncio.TimeoutError) as error:
            self._metrics.usage_failures.inc()
            logger.warning("usage records wait for the database: %s", error, extra={"pending": self._pending})
            return False
        except Exception:
            self._metrics.usage_failures.inc()
            if len(records) == 1:
                logger.exception("the database refuses a usage record", extra={"record": records[0].id})
                self._metrics.usage_lost.inc()
                return True
            return await self._one_by_one(records)
        return True

    async def _one_by_one(self, records: Sequence[UsageRecord]) -> bool:
        for record in records:
            if not await self._try([record]):
                return False
        return True

    def _done(self, records: Sequence[UsageRecord], *, own: bool) -> None:
        self._metrics.usage_written.inc(len(records))
        self._count(-len(records))
        if own:
            self._written(records)

    def _count(self, change: int) -> None:
        self._pending += change
        self._metrics.usage_pending.set(self._pending)
