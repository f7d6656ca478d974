"""The calls of one answer, from behind their trigger to their end: text in, events out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..events import Event, ToolArguments, ToolStart
from ..syntax import CallSyntax
from ..tools import Tool
from .expected import Expected
from .json_end import JsonEnd
from .parameters import ParameterReader
from .splitter import Splitter, markers

_NAME = re.compile(r"[A-Za-z0-9_-]*")


class CallReader:
    """tools: those that may be called, by name. count: how many calls the answer has had.

    hidden: what was read since anything was shown, or since a call ended; it belongs to no call if it comes to
    nothing. ended: what comes is no call any more. broken: a call that was shown cannot be read on. whole: if the
    text ended here, no call would be cut.
    """

    def __init__(self, syntax: CallSyntax, tools: Mapping[str, Tool], count: int) -> None:
        self._syntax = syntax
        self._tools = tools
        self._state: Callable[[str, int], int] = self._before_name
        self._expected = Expected(syntax.first + syntax.before_name)
        self._splitter = Splitter(markers())
        self._json = JsonEnd()
        self._parameters: ParameterReader | None = None
        self._name = ""
        self._events: list[Event] = []
        self._read: list[str] = []
        self._hiding = True
        self.count = count
        self.ended = False
        self.broken = False
        self.whole = False
        if self._expected.failed:
            self._state = self._in_name

    @property
    def hidden(self) -> str:
        return "".join(self._read)

    def feed(self, text: str, start: int) -> tuple[int, list[Event]]:
        """How far the text was read, and what it means."""
        position = start
        while position < len(text) and not self.ended and not self.broken:
            begin, hiding = position, self._hiding
            position = self._state(text, position)
            if hiding and self._hiding:
                self._read.append(text[begin:position])
        events, self._events = self._events, []
        return position, events

    def _before_name(self, text: str, start: int) -> int:
        end = self._expected.feed(text, start)
        self.ended = self._expected.failed
        if self._expected.found:
            self._state = self._in_name
        return end

    def _in_name(self, text: str, start: int) -> int:
        if not self._name and text[start].isspace():
            return start + 1
        found = _NAME.match(text, start)
        end = found.end() if found else start
        self._name += text[start:end]
        if end < len(text) and self._name in self._tools:
            self._start()
        elif end < len(text) or not any(name.startswith(self._name) for name in self._tools):
            self.ended = True
        return end

    def _start(self) -> None:
        self._events.append(ToolStart(self.count, self._name))
        self._read, self._hiding = [], False
        self.count += 1
        self._expected = Expected(self._syntax.after_name, self._syntax.call_id)
        self._state = self._after_name
        if self._expected.failed:
            self._expect_arguments()

    def _after_name(self, text: str, start: int) -> int:
        end = self._expected.feed(text, start)
        self.broken = self._expected.failed
        if self._expected.found == self._syntax.after_name:
            self._expect_arguments()
        elif self._expected.found:
            self._splitter = Splitter(markers(self._syntax.after_name))
            self._state = self._id
        return end

    def _id(self, text: str, start: int) -> int:
        cut = self._splitter.feed(text, start)
        if cut.marker:
            self._expect_arguments()
        return cut.end

    def _expect_arguments(self) -> None:
        if self._syntax.parameters is None:
            self._json = JsonEnd()
            self._state = self._before_arguments
        else:
            texts = self._tools[self._name].texts
            self._parameters = ParameterReader(self._syntax, self._syntax.parameters, texts)
            self._state = self._in_parameters

    def _before_arguments(self, text: str, start: int) -> int:
        if text[start].isspace():
            return start + 1
        self.broken = text[start] != "{"
        self._state = self._in_arguments
        return start

    def _in_arguments(self, text: str, start: int) -> int:
        end, whole = self._json.feed(text, start)
        self._events.append(ToolArguments(self.count - 1, text[start:end]))
        if whole:
            self.whole = True
            self._expect_close(self._syntax.after_call)
        return end

    def _in_parameters(self, text: str, start: int) -> int:
        assert self._parameters is not None
        end, added = self._parameters.feed(text, start)
        if added:
            self._events.append(ToolArguments(self.count - 1, added))
        self.broken = self._parameters.failed
        if self._parameters.done:
            self._expect_next()
        return end

    def _expect_close(self, text: str) -> None:
        self._expected = Expected(text)
        self._state = self._after_arguments
        if self._expected.failed:
            self._expect_next()

    def _after_arguments(self, text: str, start: int) -> int:
        closing = self._syntax.after_call
        if text[start] == "," and not self._expected.read and closing.startswith("}"):
            # Members that the family's models may write, like an id; they mean nothing.
            self._json = JsonEnd(depth=1)
            self._state = self._members
            return start
        if text[start].isspace():
            return start + 1
        end = self._expected.feed(text, start)
        self.broken = self._expected.failed
        if self._expected.found:
            self._expect_next()
        return end

    def _members(self, text: str, start: int) -> int:
        end, whole = self._json.feed(text, start)
        if whole:
            self._expect_close(self._syntax.after_call[1:])
        return end

    def _expect_next(self) -> None:
        """Another call, the end of all, or anything else, which is none."""
        syntax = self._syntax
        following = (syntax.between + syntax.before_name, syntax.trigger + syntax.first + syntax.before_name)
        self._expected = Expected(*dict.fromkeys(map(_bare, (*following, syntax.last))))
        self._state = self._next
        self._name = ""
        self._hiding = True
        self.whole = True

    def _next(self, text: str, start: int) -> int:
        end = self._expected.feed(text, start)
        self.ended = self._expected.failed
        self.whole = not self._expected.read or _bare(self._syntax.last) in self._expected.left
        if found := self._expected.found:
            self.ended = self.whole = found == _bare(self._syntax.last)
            self._state = self._in_name
            if self.ended:
                self._read, self._hiding = [], False
        return end


def _bare(text: str) -> str:
    return "".join(text.split())
