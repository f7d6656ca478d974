"""Who may go to the engine, and who waits: requests in, each let through when there is room for its samples.

Per model at most ``max_running`` sequences are in the engine and at most ``max_waiting`` requests wait. A request
with n samples takes n places; one that wants more places than there are takes them all. Clients take turns such
that each gets as many places as any other, and each client's own requests go in the order they came. Long requests
pass a line of the same kind before they are read, whose places are the threads that do it.

The turns are self-clocked fair queueing (Golestani, 1994): a request is due so many places after its client's last
one, or after the one that was let through last if that is later; who is due first goes first.

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
# How much the newest stay counts in the measured pace.
_NEWEST = 0.2


class Admission:
    """The lines of all models, and the one of the long requests. max_running: places in the engine, max_waiting:
    requests that may wait, of each. readers: long requests that may be read at once."""

    def __init__(self, metrics: Metrics, max_running: int, max_waiting: int, readers: int) -> None:
        self._metrics = metrics
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._lines: dict[str, Line] = {}
        self._reading = Line("", metrics, readers, max_waiting)

    def reading(self, client: str) -> Turn:
        """The turn of a long request that has yet to be read; else as ``turn``."""
        return self._reading.turn(client, 1)

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
        # When the one that was let through last was due: the clock of the turns, which counts places.
        self._now = 0
        # Of those that are due at once, who stands first goes first.
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    def turn(self, client: str, places: int) -> Turn:
        turn = Turn(self, client, min(places, self._places))
        if self._full(turn) and self._greediest(turn) is None:
            raise self._overloaded()
        return turn

    async def enter(self, turn: Turn) -> None:
        """Waits for the turn's places. Raises Overloaded if it may not wait, or no longer."""
        if self._goes_at_once(turn):
            self._take(turn)
            return
        if self._full(turn):
            self._make_way(turn)
        called = self._append(turn)
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                if turn.client in self._clients and turn in self._clients[turn.client].turns:
                    self._remove(turn)
                self._call()  # those behind may need fewer places
            else:
                self.leave(turn)
            raise

    def leave(self, turn: Turn) -> None:
        """Gives the places back."""
        self._free += turn.places
        self._pace.left(turn.entered)
        self._call()

    def _take(self, turn: Turn) -> None:
        self._free -= turn.places
        turn.entered = self._pace.entered()

    def _goes_at_once(self, turn: Turn) -> bool:
        return not self._waiting and turn.places <= self._free

    def _full(self, turn: Turn) -> bool:
        return self._waiting >= self._max_waiting and not self._goes_at_once(turn)

    def _greediest(self, turn: Turn) -> _Client | None:
        """The client that has to make way for the turn. Looked for only when the line is full."""
        most = max(self._clients.values(), key=lambda client: len(client.turns), default=None)
        own = len(self._clients[turn.client].turns) if turn.client in self._clients else 0
        return most if most is not None and len(most.turns) >= own + 2 else None

    def _make_way(self, turn: Turn) -> None:
        client = self._greediest(turn)
        if client is None:
            raise self._overloaded()
        called = self._remove(next(reversed(client.turns)))
        if not called.cancelled():
            called.set_exception(self._overloaded())

    def _append(self, turn: Turn) -> asyncio.Future[None]:
        called = asyncio.get_running_loop().create_future()
        client = self._clients.setdefault(turn.client, _Client(self._now))
        client.turns[turn] = called
        self._count(1)
        return called

    def _remove(self, turn: Turn) -> asyncio.Future[None]:
        client = self._clients[turn.client]
        called = client.turns.pop(turn)
        if not client.turns:
            del self._clients[turn.client]
        self._count(-1)
        return called

    def _call(self) -> None:
        """Lets through whose turn it is, as far as there are places."""
        while self._waiting:
            client = min(self._clients.values(), key=lambda client: client.due)
            turn, called = next(iter(client.turns.items()))
            # A cancelled one has left, and is about to call those behind it itself.
            if called.cancelled() or turn.places > self._free:
                break
            self._now = client.served = client.due
            self._clients.move_to_end(turn.client)
            self._remove(turn)
            self._take(turn)
            called.set_result(None)

    def _count(self, change: int) -> None:
        self._waiting += change
        self._waiting_gauge.inc(change)

    def _overloaded(self) -> Overloaded:
        self._rejected.inc()
        seconds = math.ceil(max(1, self._waiting) * self._pace.gap)
        return Overloaded(
            "As many requests are being answered as can be, and too many wait; send the request again later.",
            retry_after=min(max(1, seconds), LONGEST_RETRY),
        )


class Turn:
    """One request's turn: ``async with`` waits for its places and gives them back. entered: when it got them."""

    def __init__(self, line: Line, client: str, places: int) -> None:
        self._line = line
        self.client = client
        self.places = places
        self.entered = 0.0

    async def __aenter__(self) -> None:
        await self._line.enter(self)

    async def __aexit__(self, *_: object) -> None:
        self._line.leave(self)


class _Client:
    """The waiting requests of one client, at least one. served: the turns' clock when the last of them was due, or
    when the first of them came."""

    def __init__(self, served: int) -> None:
        self.served = served
        # A linked list, so that any request can leave at once.
        self.turns: OrderedDict[Turn, asyncio.Future[None]] = OrderedDict()

    @property
    def due(self) -> int:
        """When the first of them is."""
        return self.served + next(iter(self.turns)).places


class _Pace:
    """How fast those inside leave: a moving average of the seconds that a request stays, shared by all of them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._stay = 0.0
        self._inside = 0
        self._last = clock()

    @property
    def gap(self) -> float:
        """Seconds between two that leave. Never less than what has passed since the last one came in, so that a
        line that stands still is told."""
        return max(self._stay / max(1, self._inside), self._clock() - self._last)

    def entered(self) -> float:
        """One came in, at the returned time."""
        self._inside += 1
        self._last = self._clock()
        return self._last

    def left(self, entered: float) -> None:
        """The one left that came in then."""
        self._inside -= 1
        stay = self._clock() - entered
        self._stay += (stay - self._stay) * (_NEWEST if self._stay else 1.0)
