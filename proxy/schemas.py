"""Schemas in, constraints out: compiled beside the event loop, once for all who ask for the same."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import orjson

from .constraint import Constraint
from .errors import ForiiError, InvalidJsonSchema, Overloaded
from .generation import Guide
from .grammar.invalid import InvalidSchema
from .grammar.jobs import Compiled, compiled, violation
from .grammar.worker import TooCostly, Worker, WorkerDied
from .openai.response_format import ANY_OBJECT, AnswerSchema
from .prompt.pool import run
from .settings import Settings

# Schemas that may wait to be compiled.
_MOST_WAITING = 64
_SHOWN = 400  # characters of a reason, which may quote the schema
_PATIENCE = 1.5
_MOST_KEPT, _MOST_KEPT_BYTES = 1024, 64 * 2**20


@dataclass(frozen=True, slots=True)
class Refusal:
    """A schema that is not served. reason: for the client, with the place."""

    reason: str

    @property
    def size(self) -> int:
        """Bytes of memory, nearly."""
        return len(self.reason)


class Schemas:
    """Belongs to one event loop. pool: for reading long schemas. worker: makes a process with so many seconds for
    each piece of work. Checks have one of their own, so that answers that are done wait for no compilation."""

    def __init__(
        self, settings: Settings, pool: ThreadPoolExecutor, worker: Callable[[float], Worker] = Worker
    ) -> None:
        self._settings = settings
        self._pool = pool
        # The compiler keeps its own time and says what took it; the process is for what does not get there.
        self._compiler = worker(_PATIENCE * settings.schema_seconds)
        self._checker = worker(settings.schema_seconds)
        self._kept = _Kept(_MOST_KEPT, _MOST_KEPT_BYTES)
        self._compiling: dict[bytes, asyncio.Task[Compiled | Refusal]] = {}

    async def constraint(self, wanted: AnswerSchema, size: int = 0) -> Constraint:
        """size: bytes of the request that the schema is in. Raises InvalidJsonSchema, and Overloaded where too
        many schemas wait for the compiler."""
        key, schema = await run(self._pool, size, partial(self._read, wanted))
        found = self._kept.get(key)
        if found is None:
            if key not in self._compiling:
                self._compiling[key] = self._start(key, schema, wanted)
            # A client that leaves takes nothing from the others who wait for it.
            found = await asyncio.shield(self._compiling[key])
        if isinstance(found, Refusal):
            raise InvalidJsonSchema(f"The schema is refused: {found.reason[:_SHOWN]}", wanted.param)
        return Constraint(
            guide=Guide("ebnf_grammar", found.ebnf),
            violation=partial(self._violation, found),
            buffered=found.checked,
            retries=self._settings.max_retries,
        )

    async def warm(self) -> None:
        """Starts the processes ahead of the first schema."""
        with suppress(ForiiError):
            await (await self.constraint(ANY_OBJECT)).violation("{}")

    def close(self) -> None:
        """Ends the processes."""
        for task in self._compiling.values():
            task.cancel()
        self._compiler.close()
        self._checker.close()

    def _read(self, wanted: AnswerSchema) -> tuple[bytes, bytes]:
        """The schema's digest and its JSON."""
        most = self._settings.max_schema_bytes
        try:
            schema = orjson.dumps(wanted.schema)
        except TypeError as error:  # orjson's only other complaint about what it has itself read
            raise InvalidJsonSchema("The schema is refused: #: it is nested too deeply.", wanted.param) from error
        if len(schema) > most:
            raise InvalidJsonSchema(
                f"The schema is refused: #: it has {len(schema)} bytes, and this server takes {most}.",
                wanted.param,
            )
        return bytes([wanted.open_objects]) + hashlib.sha256(schema).digest(), schema

    def _start(self, key: bytes, schema: bytes, wanted: AnswerSchema) -> asyncio.Task[Compiled | Refusal]:
        if len(self._compiling) >= _MOST_WAITING:
            raise Overloaded("Too many new schemas wait to be compiled; send the request again later.")
        task = asyncio.ensure_future(self._compile(key, schema, wanted.open_objects))
        task.add_done_callback(lambda _: self._compiling.pop(key))
        return task

    async def _compile(self, key: bytes, schema: bytes, open_objects: bool) -> Compiled | Refusal:
        found: Compiled | Refusal
        seconds = self._settings.schema_seconds
        try:
            found = await self._compiler.run(compiled, schema, open_objects=open_objects, seconds=seconds)
        except InvalidSchema as error:
            found = Refusal(str(error))
        except TooCostly:
            found = Refusal(f"#: it takes more than {seconds:g} s to compile; make it simpler or smaller.")
        except WorkerDied:
            # Not kept: another time it may go well.
            return Refusal("#: it cannot be compiled here; make it simpler or smaller.")
        self._kept.put(key, found)
        return found

    async def _violation(self, found: Compiled, text: str) -> str | None:
        try:
            return await self._checker.run(violation, found.schema, text, unique_keys=found.checked)
        except TooCostly:
            return "it takes too long to check the answer"
        except WorkerDied as error:
            raise ForiiError("The server failed to check the answer; send the request again.") from error


class _Kept:
    """The most recently used outcomes, up to a count and a size in bytes."""

    def __init__(self, count: int, size: int) -> None:
        self._most, self._room = count, size
        self._found: OrderedDict[bytes, Compiled | Refusal] = OrderedDict()

    def get(self, key: bytes) -> Compiled | Refusal | None:
        found = self._found.get(key)
        if found is not None:
            self._found.move_to_end(key)
        return found

    def put(self, key: bytes, found: Compiled | Refusal) -> None:
        self._found[key] = found
        self._room -= found.size
        while len(self._found) > self._most or self._room < 0:
            _, oldest = self._found.popitem(last=False)
            self._room += oldest.size
