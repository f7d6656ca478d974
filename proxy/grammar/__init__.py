"""JSON Schema to EBNF: what a model may write, in the one dialect that every engine reads.

::

    >>> compile_schema({"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}).ebnf
    root ::= "{\\"age\\": " v1 "}"
    ...
"""

from __future__ import annotations

from .compiled import CompiledSchema, compile_schema
from .invalid import InvalidSchema
from .json_value import JSON

__all__ = ["JSON", "CompiledSchema", "InvalidSchema", "compile_schema"]
