"""Who may go to the engine, and who waits: requests in, each let through when there is room for its samples.

Per model at most ``max_running`` sequences are in the engine and at most ``max_waiting`` requests wait. A request
with n samples takes n places; one that wants more places than there are takes them all. Clients take turns, and
each client's own requests go in the order they came.

When all waiting places are taken, a newcomer is refused. But if another client holds at least two more of them
than the newcomer's own, that client's newest request is refused instead: nobody can keep others out of the line.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from .errors import Overloaded
from .metrics import Metrics

# What clients are told to wait at most, in seconds; the official ones do not heed a longer time.
LONGEST_RETRY = 60
# How much the newest gap counts in the measured pace.
_NEWEST = 0.2


class Admission:
    """The lines of all models. max_running: places in the engine, max_waiting: requests that may wait, of each."""

    def __init__(self, metrics: Metrics, max_running: int, max_waiting: int) -> None:
        self._metrics = metrics
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._lines: dict[str, Line] = {}

    def turn(self, model: str, client: str, places: int) -> Turn:
        """The turn of a request, to be taken with ``async with``. client: whose request it is, empty if nobody
        knows. places: its samples. Raises Overloaded at once if it could not even wait."""
        if model not in self._lines:
            self._lines[model] = Line(model, self._metrics, self._max_running, self._max_waiting)
        return self._lines[model].turn(client, places)


class Line:
    """The line of one model. clock: seconds that only grow."""

    def __init__(
        self,
        model: str,
        metrics: Metrics,
        max_running: int,
        max_waiting: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._waiting_gauge = metrics.waiting.labels(model)
        self._rejected = metrics.rejected.labels(model)
        self._places = self._free = max_running
        self._max_waiting = max_waiting
        self._pace = _Pace(clock)
        self._waiting = 0
        # Whose turn it is next stands first. Linked lists, so that any request can leave at once.
        self._clients: OrderedDict[str, OrderedDict[Turn, asyncio.Future[None]]] = OrderedDict()

    def turn(self, client: str, places: int) -> Turn:
        turn = Turn(self, client, min(places, self._places))
        if self._full(turn) and self._greediest(turn) is None:
            raise self._overloaded()
        return turn

    async def enter(self, turn: Turn) -> None:
        """Waits for the turn's places. Raises Overloaded if it may not wait, or no longer."""
        if self._goes_at_once(turn):
            self._free -= turn.places
            return
        if self._full(turn):
            self._make_way(turn)
        called = self._append(turn)
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                if turn in self._clients.get(turn.client, ()):
                    self._remove(turn)
                self._call()  # those behind may need fewer places
            else:
                self.leave(turn)
            raise

    def leave(self, turn: Turn) -> None:
        """Gives the places back."""
        self._free += turn.places
        self._call()

    def _goes_at_once(self, turn: Turn) -> bool:
        return not self._waiting and turn.places <= self._free

    def _full(self, turn: Turn) -> bool:
        return self._waiting >= self._max_waiting and not self._goes_at_once(turn)

    def _greediest(self, turn: Turn) -> str | None:
        """The client that has to make way for the turn. Looked for only when the line is full."""
        client = max(self._clients, key=lambda name: len(self._clients[name]), default=None)
        own = len(self._clients.get(turn.client, ()))
        return client if client is not None and len(self._clients[client]) >= own + 2 else None

    def _make_way(self, turn: Turn) -> None:
        client = self._greediest(turn)
        if client is None:
            raise self._overloaded()
        called = self._remove(next(reversed(self._clients[client])))
        if not called.cancelled():
            called.set_exception(self._overloaded())

    def _append(self, turn: Turn) -> asyncio.Future[None]:
        if not self._waiting:
            self._pace.start()
        called = asyncio.get_running_loop().create_future()
        self._clients.setdefault(turn.client, OrderedDict())[turn] = called
        self._count(1)
        return called

    def _remove(self, turn: Turn) -> asyncio.Future[None]:
        turns = self._clients[turn.client]
        called = turns.pop(turn)
        if not turns:
            del self._clients[turn.client]
        self._count(-1)
        return called

    def _call(self) -> None:
        """Lets through whose turn it is, as far as there are places."""
        let_through = 0
        while self._waiting:
            client, turns = next(iter(self._clients.items()))
            turn = next(iter(turns))
            # A cancelled one has left, and is about to call those behind it itself.
            if turns[turn].cancelled() or turn.places > self._free:
                break
            self._free -= turn.places
            self._clients.move_to_end(client)
            self._remove(turn).set_result(None)
            let_through += 1
        if let_through:
            self._pace.went(let_through)

    def _count(self, change: int) -> None:
        self._waiting += change
        self._waiting_gauge.inc(change)

    def _overloaded(self) -> Overloaded:
        self._rejected.inc()
        seconds = math.ceil(self._waiting * self._pace.gap)
        return Overloaded(
            "The model is answering as many requests as it can, and too many wait; send the request again later.",
            retry_after=min(max(1, seconds), LONGEST_RETRY),
        )


class Turn:
    """One request's turn: ``async with`` waits for its places and gives them back."""

    def __init__(self, line: Line, client: str, places: int) -> None:
        self._line = line
        self.client = client
        self.places = places

    async def __aenter__(self) -> None:
        await self._line.enter(self)

    async def __aexit__(self, *_: object) -> None:
        self._line.leave(self)


class _Pace:
    """How fast a line moves while somebody waits: a moving average of the seconds between two let through."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._average = 0.0
        self._last = 0.0

    @property
    def gap(self) -> float:
        """Never less than what has passed since the last one, so that a line that stands still is told."""
        return max(self._average, self._clock() - self._last)

    def start(self) -> None:
        """From now on somebody waits."""
        self._last = self._clock()

    def went(self, count: int) -> None:
        """So many were let through at once."""
        now = self._clock()
        gap = (now - self._last) / count
        self._average += (gap - self._average) * (_NEWEST if self._average else 1.0)
        self._last = now
