"""JSON text in, its value out, such that nobody else waits long for the interpreter's lock.

orjson keeps the lock until it is done, a tenth of a second for some million numbers. A text of many values is
therefore read by ``json`` with hooks in Python, one for each number and object, which let others in. (Arrays of
nothing but strings have no hook; no field of the API is long and one of them.)
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator

import orjson
from pydantic import JsonValue

# orjson reads so many values in 3 ms.
_AT_ONCE = 10_000
# More are refused: pydantic keeps the lock for 5 ms to read as many messages, and it takes as long to free them.
MOST_OBJECTS = 20_000
# Bytes that are looked at in well under 1 ms.
_SLICE = 1 << 18


class BadJson(ValueError):
    """What is wrong with the text, in words for the client."""


class TooManyObjects(Exception):
    """More than MOST_OBJECTS."""


def read_json(text: bytes) -> JsonValue:
    """Raises BadJson for a text that is no JSON (NaN, invalid UTF-8, lone surrogates and bottomless nesting
    included), TooManyObjects."""
    starts = range(0, len(text), _SLICE)
    try:
        if sum(text.count(b",", start, start + _SLICE) for start in starts) < _AT_ONCE:
            value: JsonValue = orjson.loads(text)
            return value
        utf8 = codecs.getincrementaldecoder("utf-8")()
        parts = [utf8.decode(text[start : start + _SLICE]) for start in starts]
        return _read_slowly("".join(parts) + utf8.decode(b"", final=True))
    except RecursionError as error:
        raise BadJson("it is nested too deeply") from error
    except ValueError as error:
        raise BadJson(str(error)) from error


def _read_slowly(text: str) -> JsonValue:
    value: JsonValue = json.loads(
        text,
        object_pairs_hook=_Objects().read,
        # Python's own, but called from Python: that is where the lock is let go of.
        parse_int=lambda digits: int(digits),
        parse_float=lambda digits: float(digits),
        parse_constant=_refuse,
    )
    if "\\u" in text:
        for one in _texts(value):
            # Raises UnicodeEncodeError for a lone surrogate, which no tokenizer reads.
            one.encode()
    return value


class _Objects:
    """Makes the objects of one text, not too many."""

    def __init__(self) -> None:
        self._count = 0

    def read(self, pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        self._count += 1
        if self._count > MOST_OBJECTS:
            raise TooManyObjects
        return dict(pairs)


def _texts(value: JsonValue) -> Iterator[str]:
    """The strings in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _refuse(constant: str) -> JsonValue:
    raise ValueError(f"{constant} is no JSON")
