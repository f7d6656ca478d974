"""Models that mark their thoughts and calls in the text: what they wrote in, events out, by the family's Syntax
alone::

    <think>\\nA sum.\\n</think>\\n\\nSo:\\n<tool_call>\\n{"name": "add", "arguments": {"a": 1}}\\n</tool_call>
           Reasoning         Content                        ToolStart         ToolArguments

A call to a function that is none of the tools, or that cannot be read before its name is shown, is text from its
trigger on. One that cannot be read later ends what is shown, and the sample with ``length``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..events import Content, Done, Event
from ..generation import FinishReason
from ..syntax import Syntax
from ..tools import Tool
from .call_reader import CallReader
from .expected import Expected
from .pieces import TextPieces, ThoughtPieces
from .splitter import Splitter, markers


class MarkedParser:
    """One sample. thinking: whether it begins inside a thought. tools: those that it may call; calls are text
    where there are none. must_call: whether the beginning of a call is no text."""

    def __init__(self, syntax: Syntax, *, thinking: bool, tools: Sequence[Tool], must_call: bool) -> None:
        self._calls = syntax.calls if tools else None
        self._opening = ""
        self._must_call = must_call
        self._tools = {tool.name: tool for tool in tools}
        self._closing = Splitter(markers(*((syntax.thought.closing,) if syntax.thought else ())))
        anywhere = self._calls is not None and self._calls.anywhere
        self._trigger = Splitter(markers(self._calls.trigger)) if self._calls and anywhere else None
        self._text = TextPieces()
        self._thoughts = ThoughtPieces()
        self._events: list[Event] = []
        self._seen = 0
        self._base = 0  # where the text that is being read begins in all that was fed
        self._held: list[str] = []
        self._expected = Expected()
        self._reader: CallReader | None = None
        self._opened = ""
        self._called = 0
        self.thinking = thinking and syntax.thought is not None
        self._state: Callable[[str, int], int] = self._in_thought
        if not self.thinking:
            self._begin(syntax.thought.opening if syntax.thought else "")

    @property
    def resting(self) -> bool:
        if self.thinking:
            return not self._closing.held
        return self._state == self._in_text and not self._called and not (self._trigger and self._trigger.held)

    def feed(self, text: str) -> list[Event]:
        self._read(text, self._seen)
        self._seen += len(text)
        events, self._events = self._events, []
        return events

    def finish(self, reason: FinishReason) -> list[Event]:
        """length for a thought or a call that is not whole, whatever the reason."""
        cut = self.thinking
        if self.thinking:
            self._events += self._thoughts.feed(self._closing.finish())
        elif self._state == self._in_calls:
            cut = self._reader is None or not self._reader.whole
            self._text.drop()
        elif self._state == self._in_nothing:
            cut = True
        elif self._state != self._after_thought and not self._must_call:
            held = "".join(self._held) + (self._trigger.finish() if self._trigger else "")
            self._events += self._text.feed(held, self._seen - len(held))
        return [*self._events, *self._text.finish(), Done.after(reason, calls=self._called, cut=cut)]

    def _read(self, text: str, base: int) -> None:
        outer, self._base = self._base, base
        position = 0
        while position < len(text):
            position = self._state(text, position)
        self._base = outer

    def _begin(self, opening: str) -> None:
        """Before text: what has its place nowhere else. opening: of a thought, where one may come."""
        self._opening = opening.strip()
        first = [self._opening]
        if self._calls and not self._calls.anywhere:
            first += [self._calls.lead, self._calls.trigger]
        self._expected = Expected(*first, exact=True)
        self._held = []
        self._state = self._in_text if self._expected.failed else self._before_text

    def _before_text(self, text: str, start: int) -> int:
        """To the letter, as grammars have it, but for white space before a thought."""
        if self._opening and not self._expected.read and text[start].isspace():
            self._held.append(text[start])
            self._expected = Expected(self._opening, exact=True)
            return start + 1
        end = self._expected.feed(text, start)
        self._held.append(text[start:end])
        found = self._expected.found
        if self._expected.failed:
            held, self._held = "".join(self._held), []
            self._state = self._in_text
            self._read(held, self._base + end - len(held))
        elif found and found == self._opening:
            self._held = []
            self._state = self._in_thought
            self.thinking = True
        elif self._calls and found == self._calls.trigger:
            self._open_calls("".join(self._held))
        elif self._calls and found:
            self._expected = Expected(self._calls.trigger, exact=True)
            self._opening = ""
        return end

    def _in_thought(self, text: str, start: int) -> int:
        cut = self._closing.feed(text, start)
        self._events += self._thoughts.feed(cut.text)
        if cut.marker:
            self.thinking = False
            self._state = self._after_thought
        return cut.end

    def _after_thought(self, text: str, start: int) -> int:
        if text[start] == "\n":
            return start + 1
        self._begin("")
        return start

    def _in_text(self, text: str, start: int) -> int:
        if self._trigger is None:
            self._events.append(Content(text[start:], start=self._base + start))
            return len(text)
        cut = self._trigger.feed(text, start)
        end = self._base + cut.end - len(cut.marker or self._trigger.held)
        self._events += self._text.feed(cut.text, end - len(cut.text))
        if cut.marker:
            self._open_calls(cut.marker)
        return cut.end

    def _open_calls(self, opened: str) -> None:
        """opened: what is text after all if it comes to no call."""
        assert self._calls is not None
        self._opened = opened
        self._held = []
        self._reader = CallReader(self._calls, self._tools, self._called)
        self._state = self._in_calls

    def _in_calls(self, text: str, start: int) -> int:
        assert self._reader is not None
        reader = self._reader
        end, events = reader.feed(text, start)
        self._events += events
        if reader.count > self._called:
            self._called = reader.count
            self._opened = ""
            self._text.drop()
        if reader.broken:
            self._state = self._in_nothing
        elif reader.ended:
            self._state = self._in_text
            hidden = reader.hidden
            begin = self._base + end - len(hidden)
            self._events += self._text.feed(self._opened, begin - len(self._opened))
            self._read(hidden, begin)
        return end

    def _in_nothing(self, text: str, start: int) -> int:
        """A call that cannot be read: what follows is not shown."""
        return len(text)
