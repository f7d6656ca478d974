"""What answers are to be in, constraints out: compiled beside the event loop, once for all that ask the same."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import orjson

from .constraint import Constraint
from .errors import ForiiError, InvalidJsonSchema, Overloaded
from .generation import Guide
from .grammar.answer_bounds import AnswerBounds, ToolBounds
from .grammar.invalid import InvalidParameters, InvalidSchema
from .grammar.jobs import Compiled, compiled, violation
from .grammar.said import Said
from .grammar.worker import TooCostly, Worker, WorkerDied
from .openai.response_format import ANY_OBJECT, AnswerSchema
from .prompt.pool import run
from .settings import Settings
from .syntax import PLAIN, Syntax, Thinking
from .tools import ToolUse

# Schemas that may wait to be compiled.
_MOST_WAITING = 64
_SHOWN = 400  # characters of a reason, which may quote the schema
_PATIENCE = 1.5
_MOST_KEPT, _MOST_KEPT_BYTES = 1024, 64 * 2**20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of its answers. syntax: of the model's family. schema: what text has to conform to.
    tools: what may be called; the family has calls then. tool_param: the field of a tool's parameters, with ``{}``
    for its place among those that the model is told of."""

    syntax: Syntax = PLAIN
    schema: AnswerSchema | None = None
    tools: ToolUse | None = None
    tool_param: str = "tools[{}].function.parameters"

    def param(self, place: int | None) -> str:
        """The field of the schema or, by its place, of an allowed tool's."""
        if place is None or self.tools is None:
            return self.schema.param if self.schema else "tools"
        return self.tool_param.format(self.tools.told.index(self.tools.allowed[place]))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Bounds that are not served. reason: for the client, with the place in the schema. tool: whose parameters
    they are, by its place."""

    reason: str
    tool: int | None = None

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

    async def constraint(self, wanted: Wanted, size: int = 0) -> Constraint | None:
        """None where any answer will do. size: bytes of the request that it is in. Raises InvalidJsonSchema for a
        schema and for a tool's parameters, and Overloaded where too many wait for the compiler."""
        bounds, key = await run(self._pool, size, partial(self._read, wanted))
        if not bounds.binding:
            return None
        found = self._kept.get(key)
        if found is None:
            if key not in self._compiling:
                self._compiling[key] = self._start(key, bounds)
            # A client that leaves takes nothing from the others who wait for it.
            found = await asyncio.shield(self._compiling[key])
        if isinstance(found, Refusal):
            raise InvalidJsonSchema(f"The schema is refused: {found.reason[:_SHOWN]}", wanted.param(found.tool))
        return Constraint(
            guide=partial(_guide, found),
            violation=partial(self._violation, found),
            buffered=found.checked,
            free_text=found.free_text,
            retries=self._settings.max_retries,
        )

    async def warm(self) -> None:
        """Starts the processes ahead of the first schema."""
        with suppress(ForiiError):
            constraint = await self.constraint(Wanted(schema=ANY_OBJECT))
            assert constraint is not None
            await constraint.violation(Said("{}"))

    def close(self) -> None:
        """Ends the processes."""
        for task in self._compiling.values():
            task.cancel()
        self._compiler.close()
        self._checker.close()

    def _read(self, wanted: Wanted) -> tuple[AnswerBounds, bytes]:
        """The bounds and their digest."""
        schema = wanted.schema
        given, calls = wanted.tools, wanted.syntax.calls
        tools: tuple[ToolBounds, ...] = ()
        most = 0
        if given is not None and given.allowed:
            assert calls is not None, "tools are for families that have calls"
            tools = tuple(
                ToolBounds(tool.name, self._json(tool.parameters, wanted.param(place)))
                for place, tool in enumerate(given.allowed)
            )
            most = given.most if calls.parallel else 1
        bounds = AnswerBounds(
            wanted.syntax,
            None if schema is None else self._json(schema.schema, schema.param),
            schema is not None and schema.open_objects,
            tools,
            given.least if given is not None and tools else 0,
            most,
        )
        return bounds, bounds.digest

    def _json(self, schema: Mapping[str, object], param: str) -> bytes:
        most = self._settings.max_schema_bytes
        try:
            found = orjson.dumps(schema)
        except TypeError as error:  # orjson's only other complaint about what it has itself read
            raise InvalidJsonSchema("The schema is refused: #: it is nested too deeply.", param) from error
        if len(found) > most:
            raise InvalidJsonSchema(
                f"The schema is refused: #: it has {len(found)} bytes, and this server takes {most}.", param
            )
        return found

    def _start(self, key: bytes, bounds: AnswerBounds) -> asyncio.Task[Compiled | Refusal]:
        if len(self._compiling) >= _MOST_WAITING:
            raise Overloaded("Too many new schemas wait to be compiled; send the request again later.")
        task = asyncio.ensure_future(self._compile(key, bounds))
        task.add_done_callback(lambda _: self._compiling.pop(key))
        return task

    async def _compile(self, key: bytes, bounds: AnswerBounds) -> Compiled | Refusal:
        found: Compiled | Refusal
        seconds = self._settings.schema_seconds
        try:
            found = await self._compiler.run(compiled, bounds, seconds=seconds)
        except InvalidSchema as error:
            found = Refusal(str(error), error.place if isinstance(error, InvalidParameters) else None)
        except TooCostly:
            found = Refusal(f"#: it takes more than {seconds:g} s to compile; make it simpler or smaller.")
        except WorkerDied:
            # Not kept: another time it may go well.
            return Refusal("#: it cannot be compiled here; make it simpler or smaller.")
        self._kept.put(key, found)
        return found

    async def _violation(self, found: Compiled, said: Said) -> str | None:
        if said.whole and not said.calls and found.free_text:
            return None
        try:
            return await self._checker.run(violation, found.judge, said)
        except TooCostly:
            return "it takes too long to check the answer"
        except WorkerDied as error:
            raise ForiiError("The server failed to check the answer; send the request again.") from error


def _guide(found: Compiled, thinking: Thinking) -> Guide:
    return Guide("ebnf_grammar", found.ebnf(thinking))


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
