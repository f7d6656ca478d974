"""The meters of all requests that run: their records on the way to the journal, and to the recorder behind it.

What a request costs the event loop is putting its meter into a dictionary and its record into a list. A task
writes both to the journal, in a thread: what ended, at once; a checkpoint of what runs, every second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from ..metrics import Metrics
from ..openai.chunk import Usage
from .journal import Backlog, Journal, Segment, abandoned
from .limiter import Limiter
from .meter import CUT, Meter
from .quotas import Quotas
from .recorder import Recorder
from .usage_record import UsageRecord
from .usage_store import UsageStore

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 1.0
DRAIN_SECONDS = 5.0
# How long the end of an answer waits for a journal whose disk is slow; else it takes less than a millisecond.
SEAL_SECONDS = 0.05
# Records that may wait for a disk that neither takes them nor refuses.
_MOST_ENDED = 10_000


class Metering:
    """store: where records go in the end; None: nowhere. journal: its folder; None keeps records in memory alone.
    Meters can be put in at any time, their records go on while it is ``looked_after``."""

    def __init__(
        self, store: UsageStore | None, journal: Path | None, limiter: Limiter, quotas: Quotas, metrics: Metrics
    ) -> None:
        self._folder = journal
        self._journal: Journal | None = None
        self._limiter = limiter
        self._quotas = quotas
        self._metrics = metrics
        self._recorder = Recorder(store, metrics, quotas.written)
        self._running: dict[str, Meter] = {}
        self._marked: dict[str, Meter] = {}
        self._ended: list[UsageRecord] = []
        self._news = asyncio.Event()
        self._closing = self._following = False
        # Done when what waits for it now is in the journal.
        self._next_write: asyncio.Future[None] | None = None
        self._degraded = False
        # A journal is one thread's at a time.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

    def begin(self, meter: Meter) -> None:
        """The request goes to the engine."""
        self._running[meter.id] = meter

    async def seal(self, meter: Meter, status: int, usage: Usage | None = None) -> None:
        """Its last token is in, or it failed. Returns when the journal has that, so that what a client was told is
        recorded; a journal that does not take it in time keeps nobody waiting for longer."""
        meter.seal(status, usage)
        self._charge(meter)
        self._marked[meter.id] = meter
        await self.noted()

    async def noted(self) -> None:
        """Returns when the journal has all that there is to tell it, or SEAL_SECONDS later."""
        self._news.set()
        if self._following and self._folder is not None and not self._degraded:
            if self._next_write is None:
                self._next_write = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._next_write}, timeout=SEAL_SECONDS)

    def end(self, meter: Meter, status: int) -> None:
        """The request is over, begun or not. status: as of ``Meter.record``."""
        if self._running.pop(meter.id, None) is None:
            return
        # Its record says it all.
        self._marked.pop(meter.id, None)
        record = meter.record(status)
        self._charge(meter, record)
        if len(self._ended) >= _MOST_ENDED:
            logger.error("a usage record is lost: the disk of the journal does not answer")
            self._metrics.usage_lost.inc()
            return
        self._ended.append(record)
        self._news.set()

    @asynccontextmanager
    async def looked_after(self) -> AsyncIterator[None]:
        """While the block runs, records go on: also those that processes that are no more left in the journal.
        At its end what is left is written, for DRAIN_SECONDS at most; the rest stays in the journal."""
        follow = asyncio.ensure_future(self._follow())
        works = (self._tick(), self._settle(), self._take_over(), self._recorder.run())
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            yield
        finally:
            for meter in list(self._running.values()):
                self.end(meter, CUT)
            self._closing = True
            self._news.set()
            # Not cancelled: what it has in its hands would be nobody's.
            await follow
            empty = await self._recorder.drain(DRAIN_SECONDS)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close(empty=empty)

    async def _close(self, *, empty: bool) -> None:
        self._recorder.close()
        await self._limiter.close()
        await self._quotas.close()
        if self._journal is not None:
            closing = partial(self._journal.close, empty=empty)
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, closing)
            except OSError:
                logger.exception("the usage journal cannot be closed as it should")
        self._thread.shutdown(wait=False)

    def _charge(self, meter: Meter, record: UsageRecord | None = None) -> None:
        """What is new of it, to the account's limits and quota. record: the final one."""
        self._limiter.charge(meter.caller, meter.uncharged())
        self._quotas.add(meter.caller.account, meter.unpaid(record))

    async def _follow(self) -> None:
        self._following = True
        while not self._closing:
            await self._news.wait()
            self._news.clear()
            await self._write()
        self._following = False
        await self._write()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            self._marked |= self._running
            self._news.set()
            for meter in list(self._running.values()):
                self._charge(meter)

    async def _settle(self) -> None:
        """Apart from the checkpoints, which wait for no Redis."""
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            try:
                await self._limiter.settle()
            except Exception:
                logger.exception("unhandled error in the limits")

    async def _write(self) -> None:
        records, self._ended = self._ended, []
        marked, self._marked = tuple(self._marked.values()), {}
        waited, self._next_write = self._next_write, None
        segment: Segment | None = None
        if self._folder is not None:
            keeps, obsolete = self._recorder.keeps(len(records)), self._recorder.obsolete()
            work = partial(
                self._to_disk, self._folder, records, marked, tuple(self._running.values()), keeps, obsolete
            )
            try:
                segment = await asyncio.get_running_loop().run_in_executor(self._thread, work)
                self._degrade(None)
            except OSError as error:
                self._degrade(error)
            except Exception:
                logger.exception("unhandled error in the usage journal; the records are in memory alone")
        if waited is not None:
            waited.set_result(None)
        self._recorder.put(records, segment)

    def _degrade(self, error: OSError | None) -> None:
        """error: why the journal cannot be written; None if it can."""
        if error is not None and not self._degraded:
            logger.error("the usage journal cannot be written, records are in memory alone: %s", error)
        elif error is None and self._degraded:
            logger.info("the usage journal can be written again")
        self._degraded = error is not None
        self._metrics.journal_degraded.set(self._degraded)

    def _to_disk(
        self,
        folder: Path,
        records: Sequence[UsageRecord],
        marked: Sequence[Meter],
        running: Sequence[Meter],
        kept: bool,
        obsolete: Sequence[Segment],
    ) -> Segment | None:
        """In the journal's thread. Raises OSError."""
        if self._journal is None:
            self._journal = Journal(folder)
        segment = self._journal.write(records, marked, running, kept=kept, obsolete=obsolete)
        if self._closing:
            self._journal.end_segment()
        return segment

    async def _take_over(self) -> None:
        if self._folder is None:
            return
        try:
            backlogs, records = await asyncio.get_running_loop().run_in_executor(None, _abandoned, self._folder)
        except OSError:
            logger.exception("the usage journal cannot be read; what is in it stays there")
            return
        if records:
            logger.info("usage records are replayed from the journal", extra={"records": records})
        self._recorder.take_over(backlogs, records)


def _abandoned(folder: Path) -> tuple[list[Backlog], int]:
    """What others left, and how many records that is. Raises OSError."""
    backlogs = abandoned(folder)
    return backlogs, sum(backlog.count() for backlog in backlogs)
