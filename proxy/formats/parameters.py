"""Arguments that are no JSON, parameter by parameter, in; the JSON text that they mean out, as it comes."""

from __future__ import annotations

import json
from collections.abc import Callable

from ..syntax import CallSyntax, ParameterSyntax
from .expected import Expected
from .json_end import JsonEnd
from .splitter import Splitter, markers

_WORDS = {"true": "true", "false": "false", "null": "null", "none": "null"}


class ParameterReader:
    """The arguments of one call and what closes it. texts: the parameters that can only be strings
    (``Tool.texts``).

    A string's value ends where its closing is followed by another parameter or by the end of the call (newlines
    before these may be missing): the closing alone may be part of it. The values of others are passed on as they
    are; one that is no JSON (``True``, a word) becomes what it means. done: the call is closed. failed: what came
    fits nowhere.
    """

    def __init__(self, calls: CallSyntax, parameters: ParameterSyntax, texts: frozenset[str]) -> None:
        self._calls = calls
        self._syntax = parameters
        self._texts = texts
        # What closes a call may be several lines; the first of them tells that it ends.
        line = "\n" * calls.after_call.startswith("\n") + calls.after_call.lstrip("\n").split("\n")[0]
        self._rest = calls.after_call[len(line) :]
        followers = [form for one in (parameters.before_name, line) for form in (one, one.lstrip("\n"))]
        self._ends = markers(*(parameters.after_value + follower for follower in followers))
        self._name_ends = markers(*_name_ends(parameters.after_name))
        self._expected = Expected(parameters.before_name, calls.after_call)
        self._splitter = Splitter(self._ends)
        self._held: list[str] = []
        self._json = JsonEnd()
        self._state: Callable[[str, int], int] = self._between
        self._out: list[str] = []
        self._count = 0
        self.done = False
        self.failed = False

    def feed(self, text: str, start: int) -> tuple[int, str]:
        """How far the text was read, and what it adds to the arguments."""
        position = start
        while position < len(text) and not self.done and not self.failed:
            position = self._state(text, position)
        added, self._out = "".join(self._out), []
        return position, added

    def _between(self, text: str, start: int) -> int:
        """Where a parameter may follow, or the end."""
        end = self._expected.feed(text, start)
        self.failed = self._expected.failed
        if found := self._expected.found:
            if found.endswith(self._calls.after_call):
                self._close()
                self.done = True
            else:
                self._begin()
        return end

    def _begin(self) -> None:
        self._splitter = Splitter(self._name_ends)
        self._state = self._name

    def _name(self, text: str, start: int) -> int:
        cut = self._splitter.feed(text, start)
        self._held.append(cut.text)
        if cut.marker:
            name, self._held = "".join(self._held), []
            self._out.append(f"{', ' if self._count else '{'}{json.dumps(name, ensure_ascii=False)}: ")
            self._count += 1
            self._splitter = Splitter(self._ends)
            if name in self._texts:
                self._out.append('"')
                self._state = self._string
            else:
                self._state = self._value
        return cut.end

    def _string(self, text: str, start: int) -> int:
        cut = self._splitter.feed(text, start)
        self._out.append(json.dumps(cut.text, ensure_ascii=False)[1:-1])
        if cut.marker:
            self._out.append('"')
            self._end_value(cut.marker)
        return cut.end

    def _value(self, text: str, start: int) -> int:
        """A value that is JSON: its first character says how it ends."""
        self._json = JsonEnd()
        self._state = self._structure if text[start] in '{["' else self._scalar
        return start

    def _structure(self, text: str, start: int) -> int:
        end, whole = self._json.feed(text, start)
        self._out.append(text[start:end])
        if whole:
            closing = self._syntax.after_value
            self._expected = Expected(closing + self._syntax.before_name, closing + self._calls.after_call)
            self._state = self._between
        return end

    def _scalar(self, text: str, start: int) -> int:
        cut = self._splitter.feed(text, start)
        self._held.append(cut.text)
        if cut.marker:
            self._out.append(_json_of("".join(self._held)))
            self._held = []
            self._end_value(cut.marker)
        return cut.end

    def _end_value(self, marker: str) -> None:
        if marker.endswith(self._syntax.before_name.lstrip("\n")):
            self._begin()
            return
        self._close()
        self._expected = Expected(self._rest)
        self._state = self._closing
        self.done = self._expected.failed

    def _closing(self, text: str, start: int) -> int:
        end = self._expected.feed(text, start)
        self.failed = self._expected.failed
        self.done = self._expected.found is not None
        return end

    def _close(self) -> None:
        self._out.append("}" if self._count else "{}")


def _name_ends(after_name: str) -> tuple[str, ...]:
    """What ends a parameter's name; newlines inside of it may be missing."""
    return after_name, after_name.rstrip("\n").replace("\n", "") + after_name[len(after_name.rstrip("\n")) :]


def _json_of(written: str) -> str:
    """A number or a word as JSON; a string where it is neither."""
    bare = written.strip()
    if bare.lower() in _WORDS:
        return _WORDS[bare.lower()]
    try:
        json.loads(bare, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return json.dumps(written, ensure_ascii=False)
    return bare


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
