"""What one answer may be, complete: the family's way of writing, the schema of its text, the tools it may call."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from ..syntax import PLAIN, Syntax


@dataclass(frozen=True, slots=True)
class ToolBounds:
    """A tool that may be called. parameters: the JSON Schema of its arguments, as JSON."""

    name: str
    parameters: bytes


@dataclass(frozen=True, slots=True)
class AnswerBounds:
    """schema: what text has to conform to, as JSON; None where any will do. open_objects: whether objects of it
    that list their properties may have others. least, most: how many calls there are; with a least of 0 the answer
    may be text, else it is nothing but calls. Can be pickled."""

    syntax: Syntax = PLAIN
    schema: bytes | None = None
    open_objects: bool = False
    tools: tuple[ToolBounds, ...] = ()
    least: int = 0
    most: int = 0

    @property
    def binding(self) -> bool:
        """Whether there is anything that an answer could break."""
        return self.schema is not None or bool(self.tools)

    @property
    def digest(self) -> bytes:
        """The same for equal bounds, in every process."""
        tools = tuple(replace(tool, parameters=_digest(tool.parameters)) for tool in self.tools)
        schema = None if self.schema is None else _digest(self.schema)
        return _digest(repr(replace(self, schema=schema, tools=tools)).encode())


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
