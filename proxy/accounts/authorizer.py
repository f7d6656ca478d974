"""A key in, whose it is out; and the end of a key's running requests when it is revoked.

What the database said of a key is taken for a second. While requests of a key run, a watcher asks again every
half second for all such keys at once, so that busy keys cost no look-up of their own and the requests of a revoked
one end. While the database is away, keys that it knew go on for GRACE_SECONDS from its last word; for others there
is a 503.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from starlette.types import Scope

from ..errors import AuthenticationFailed, DatabaseAway
from .api_key import digest, is_shaped
from .caller import Caller
from .directory import Directory
from .look_ups import LookUps

logger = logging.getLogger(__name__)

FRESH_SECONDS = 1.0
WATCH_SECONDS = 0.5
GRACE_SECONDS = 300.0
# How long a request waits for a database that may be away, with a key that is known and with another one.
_PATIENCE_SECONDS = 0.5
_LONGEST_SECONDS = 5.0
# How long nobody asks a database again that did not answer.
_PAUSE_SECONDS = 1.0
_MOST_KNOWN = 10_000
_ENDED = "forii.ended"


def end_of(scope: Scope) -> AuthenticationFailed | None:
    """Why the request was cut off, if it was because of its key."""
    ended: AuthenticationFailed | None = scope.get(_ENDED)
    return ended


class Known:
    """A key that was let in. checked: when the database last said so. lasting: whether it stays good however long
    the database is away."""

    def __init__(self, caller: Caller, checked: float, *, lasting: bool = False) -> None:
        self.caller = caller
        self.checked = checked
        self.lasting = lasting
        self._ended = False
        self._running: dict[asyncio.Task[object], Scope] = {}

    @property
    def busy(self) -> bool:
        return bool(self._running)

    @contextmanager
    def running(self, scope: Scope) -> Iterator[None]:
        """The current task is a request with the key until the block ends."""
        task = asyncio.current_task()
        assert task is not None
        self._running[task] = scope
        if self._ended:
            _cut_off(task, scope)
        try:
            yield
        finally:
            del self._running[task]

    def end(self) -> None:
        """Cuts off what runs, but for the request that asked for it, and what is about to."""
        self._ended = True
        for task, scope in self._running.items():
            if task is not asyncio.current_task():
                _cut_off(task, scope)


class Authorizer:
    """directory: what the database and the settings say of keys. clock: seconds that only grow. Belongs to one
    event loop."""

    def __init__(self, directory: Directory, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._look_ups = LookUps(directory, clock, _LONGEST_SECONDS)
        self._looking: dict[str, asyncio.Task[Known]] = {}
        self._used: dict[str, datetime] = {}
        self._away_until = -math.inf
        self._anybody = Known(directory.anybody, -math.inf)
        if directory.operator_hash is not None:
            self._known[directory.operator_hash] = Known(directory.operator, -math.inf, lasting=True)

    async def authorize(self, secret: str) -> Known:
        """secret: what the client sent as its key, empty if nothing. Raises AuthenticationFailed, and DatabaseAway
        where nobody can tell."""
        if self._directory.may_be_open and await self._is_open():
            return self._anybody
        name = digest(secret)
        if not is_shaped(secret) and not self._directory.is_operator(name):
            raise _refused()
        known = self._known.get(name)
        if known is None or self._clock() - known.checked > FRESH_SECONDS:
            known = await self._look_up(name, known)
        if name in self._known:
            self._known.move_to_end(name)
        if not known.lasting:
            self._used[known.caller.key] = datetime.now(timezone.utc)
        return known

    def forget(self, key_id: str) -> None:
        """The key was revoked: its requests end, and it is looked up anew."""
        for name in [name for name, known in self._known.items() if known.caller.key == key_id]:
            self._known.pop(name).end()

    def close_door(self) -> None:
        """A key was made: who has none is no longer let in."""
        self._directory.may_be_open = False

    def take_used(self) -> dict[str, datetime]:
        """When keys were used last, since this was asked last."""
        used, self._used = self._used, {}
        return used

    def put_back_used(self, used: dict[str, datetime]) -> None:
        """It could not be written down; what came since is later."""
        self._used = used | self._used

    async def watch(self) -> None:
        """Looks again at the keys of all running requests. Nothing changes while the database is away."""
        busy = {name: known for name, known in self._known.items() if known.busy}
        if not busy:
            return
        asked = self._clock()
        try:
            callers = await self._directory.callers(busy)
        except DatabaseAway:
            return
        for name, known in busy.items():
            if name in callers:
                known.caller, known.checked = callers[name], asked
            else:
                logger.info("a revoked key's requests end", extra={"key": known.caller.key})
                self._known.pop(name, None)
                known.end()

    async def _look_up(self, name: str, known: Known | None) -> Known:
        """Asks the database, once for all who ask at the same time. Raises as ``authorize``."""
        spare = known if known is not None and self._is_usable(known) else None
        if self._clock() < self._away_until:
            return _instead(spare)
        task = self._looking.get(name)
        if task is None:
            task = self._looking[name] = asyncio.ensure_future(self._ask(name))
            task.add_done_callback(lambda done: self._looked(name, done))
        await asyncio.wait({task}, timeout=_LONGEST_SECONDS if spare is None else _PATIENCE_SECONDS)
        if not task.done() or isinstance(task.exception(), DatabaseAway):
            self._away_until = self._clock() + _PAUSE_SECONDS
            return _instead(spare)
        return task.result()

    async def _ask(self, name: str) -> Known:
        callers, asked = await self._look_ups.find(name)
        caller, known = callers.get(name), self._known.get(name)
        if caller is None:
            if known is not None:
                self._known.pop(name).end()
            raise _refused()
        if known is None:
            known = self._known[name] = Known(caller, asked)
            self._make_room()
        known.caller, known.checked = caller, asked
        return known

    def _looked(self, name: str, task: asyncio.Task[Known]) -> None:
        del self._looking[name]
        if not task.cancelled():
            # Whoever asked may have gone; what it raised is not lost on anybody then.
            task.exception()

    def _is_usable(self, known: Known) -> bool:
        """Whether it may go on without the database."""
        return known.lasting or self._clock() - known.checked <= GRACE_SECONDS

    def _make_room(self) -> None:
        while len(self._known) > _MOST_KNOWN:
            idle = next((name for name, known in self._known.items() if not (known.busy or known.lasting)), None)
            if idle is None:
                return
            del self._known[idle]

    async def _is_open(self) -> bool:
        """Whether there is no key yet. Once there is one, that is never asked again. Raises DatabaseAway."""
        now, anybody = self._clock(), self._anybody
        if now - anybody.checked <= FRESH_SECONDS:
            return True
        if now < self._away_until:
            return _instead(anybody if self._is_usable(anybody) else None) is anybody
        try:
            if await asyncio.wait_for(self._directory.has_keys(), _LONGEST_SECONDS):
                self.close_door()
                return False
        except (DatabaseAway, asyncio.TimeoutError):
            self._away_until = self._clock() + _PAUSE_SECONDS
            return _instead(anybody if self._is_usable(anybody) else None) is anybody
        anybody.checked = now
        return True


def _cut_off(task: asyncio.Task[object], scope: Scope) -> None:
    scope[_ENDED] = AuthenticationFailed("The API key was revoked; send another one.")
    task.cancel()


def _instead(spare: Known | None) -> Known:
    """What is taken while the database is away. Raises DatabaseAway."""
    if spare is None:
        raise DatabaseAway("The API key cannot be looked up right now; send the request again.")
    return spare


def _refused() -> AuthenticationFailed:
    return AuthenticationFailed("The API key is missing or wrong; send 'Authorization: Bearer <key>'.")
