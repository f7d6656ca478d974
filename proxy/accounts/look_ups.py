"""Hashes of keys from many requests in, one question at a time to the database out.

Whoever comes while a question is being answered goes into the next one, all of them together. So however many
keys there are, right ones or guesses, the database has one question of them at a time, and its other connections
are left for the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from ..errors import DatabaseAway
from .caller import Caller
from .directory import Directory


class Answer(NamedTuple):
    """callers: of those keys that work. asked: when."""

    callers: dict[str, Caller]
    asked: float


class LookUps:
    """clock: seconds that only grow. longest: seconds that a question may take. Belongs to one event loop."""

    def __init__(self, directory: Directory, clock: Callable[[], float], longest: float) -> None:
        self._directory = directory
        self._clock = clock
        self._longest = longest
        self._turn = asyncio.Lock()
        self._names: set[str] = set()
        self._next: asyncio.Task[Answer] | None = None

    async def find(self, name: str) -> Answer:
        """An answer in which the key is, if it works. Raises DatabaseAway."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._ask())
            self._next.add_done_callback(_heard)
        self._names.add(name)
        # Others wait for it too.
        return await asyncio.shield(self._next)

    async def _ask(self) -> Answer:
        async with self._turn:
            names, self._names, self._next = self._names, set(), None
            asked = self._clock()
            try:
                return Answer(await asyncio.wait_for(self._directory.callers(names), self._longest), asked)
            except asyncio.TimeoutError as error:
                raise DatabaseAway("The database does not answer; send the request again.") from error


def _heard(task: asyncio.Task[Answer]) -> None:
    """Whoever asked may have gone; what it raised is not lost on anybody then."""
    if not task.cancelled():
        task.exception()
