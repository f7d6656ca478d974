"""What the worker does: a schema's JSON in, its grammar out; an answer's text in, what is wrong with it out."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from functools import lru_cache

from . import JSON, CompiledSchema, compile_schema


@dataclass(frozen=True, slots=True)
class Compiled:
    """ebnf: the grammar. checked: whether it lets through what the schema forbids. schema: the CompiledSchema for
    ``violation``, as a pickle, which costs nobody anything to keep."""

    ebnf: str
    checked: bool
    schema: bytes

    @property
    def size(self) -> int:
        """Bytes of memory, nearly."""
        return len(self.ebnf) + len(self.schema)


def compiled(schema: bytes, *, open_objects: bool, seconds: float) -> Compiled:
    """schema: JSON. seconds: how long it may take. Raises InvalidSchema."""
    found = compile_schema(json.loads(schema), open_objects=open_objects, seconds=seconds)
    return Compiled(found.ebnf, bool(found.checked), pickle.dumps(found))


def violation(schema: bytes, text: str, *, unique_keys: bool) -> str | None:
    """What is wrong with a finished answer, if anything. schema: of Compiled. unique_keys: whether a key that
    comes twice is wrong: readers keep one of the two, and which one is their own affair."""
    try:
        value = _parsed(text, unique_keys)
    except RecursionError:
        return "the answer is nested too deeply"
    except ValueError as error:
        return f"the answer is not JSON: {error}"
    errors = _loaded(schema).validate(value)
    return errors[0] if errors else None


@lru_cache(maxsize=64)
def _loaded(schema: bytes) -> CompiledSchema:
    found = pickle.loads(schema)
    assert isinstance(found, CompiledSchema)
    return found


def _parsed(text: str, unique_keys: bool) -> JSON:
    """Stricter than Python's own reader: no NaN, no infinity, not even as 1e999, no half of a surrogate pair."""
    value: JSON = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique if unique_keys else None)
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return value


def _no_constant(name: str) -> JSON:
    raise ValueError(f"{name} is no number")


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice in one object")
    return found
