"""gpt-oss: messages with headers in, events out. The channel is in the header, and whom a message is for::

    <|channel|>analysis<|message|>A sum.<|end|><|start|>assistant<|channel|>final<|message|>Three.
              header              Reasoning              header                         Content

Headers are often malformed, and never fail: whatever stands before a message is no content. A header ends at its
marker, at the ``{`` of a message that lacks it, or where it is longer than any is; what then is left of it is the
message's. A message to a function that is none of the tools is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..events import Done, Event, ToolArguments, ToolStart
from ..generation import FinishReason
from ..tools import Tool
from .json_end import JsonEnd
from .pieces import TextPieces, ThoughtPieces
from .splitter import Markers, Splitter

_CHANNEL, _MESSAGE, _START = "<|channel|>", "<|message|>", "<|start|>"
_ENDS = ("<|end|>", "<|call|>", "<|return|>")
_HEADER_ENDS = Markers((_MESSAGE, "{", _START, *_ENDS))
_BODY_ENDS = Markers((_CHANNEL, _START, *_ENDS))
_RECIPIENT = re.compile(r"\bto=(?:functions\.)?([A-Za-z0-9_-]+)(?![\w.-])")
_THOUGHT = re.compile(r"<\|channel\|>\s*analysis")
# What is a header's, where a message lacks its marker.
_PARTS = re.compile(
    r"(?:<\|start\|>\w*)?\s*(?:to=\S+?(?=[\s<{]|\Z)\s*)?(?:<\|channel\|>\s*(?:analysis|commentary|final)?\s*)*"
    r"(?:to=\S+?(?=[\s<{]|\Z)\s*)?(?:<\|constrain\|>\s*\w*)?"
)
_LONGEST_HEADER = 256  # characters


class ChannelParser:
    """One sample. thinking: whether it begins inside a thought. tools: those that it may call. must_call: whether
    the beginning of a call is no text."""

    def __init__(self, *, thinking: bool, tools: Sequence[Tool], must_call: bool) -> None:
        self._must_call = must_call
        self._tools = frozenset(tool.name for tool in tools)
        self._splitter = Splitter(_BODY_ENDS if thinking else _HEADER_ENDS)
        self._state: Callable[[str, int], int] = self._in_thought if thinking else self._in_header
        self._header: list[str] = []
        self._header_size = 0
        self._text = TextPieces()
        self._thoughts = ThoughtPieces()
        self._json = JsonEnd()
        self._events: list[Event] = []
        self._seen = 0
        self._called = 0
        self.thinking = thinking

    @property
    def resting(self) -> bool:
        return not self._called and self._state in (self._in_thought, self._in_text) and not self._splitter.held

    def feed(self, text: str) -> list[Event]:
        position = 0
        while position < len(text):
            position = self._state(text, position)
        self._seen += len(text)
        events, self._events = self._events, []
        return events

    def finish(self, reason: FinishReason) -> list[Event]:
        """length for a thought or a call that is not whole, whatever the reason."""
        held = self._splitter.finish()
        cut = self.thinking or self._state in (self._before_arguments, self._in_arguments, self._in_nothing)
        if self.thinking:
            self._events += self._thoughts.feed(held)
        elif self._state == self._in_header:
            cut = self._end_header(held, reason)
        elif self._state == self._in_text:
            self._events += self._text.feed(held, self._seen - len(held))
        return [*self._events, *self._text.finish(), Done.after(reason, calls=self._called, cut=cut)]

    def _end_header(self, held: str, reason: FinishReason) -> bool:
        """The answer ends in a header. Returns whether that cuts a call."""
        header = "".join([*self._header, held])
        if self._must_call or _RECIPIENT.search(header):
            return True
        if reason == "stop" or _CHANNEL not in header:
            self._open_bare(header, self._seen)
        return False

    def _in_header(self, text: str, start: int) -> int:
        most = start + _LONGEST_HEADER - self._header_size
        cut = self._splitter.feed(text[:most], start)
        self._header.append(cut.text)
        self._header_size += cut.end - start
        if not cut.marker and self._header_size < _LONGEST_HEADER:
            return cut.end
        header = "".join([*self._header, "" if cut.marker else self._splitter.finish()])
        if cut.marker == _MESSAGE:
            self._open(header)
            return cut.end
        self._open_bare(header, self._seen + cut.end - len(cut.marker))
        if cut.marker == "{":
            return cut.end - 1
        if cut.marker:
            self._close(cut.marker)
        return cut.end

    def _open(self, header: str) -> None:
        """What follows is as the header says."""
        self._splitter = Splitter(_BODY_ENDS)
        recipient = _RECIPIENT.search(header)
        if recipient and recipient[1] in self._tools:
            self._events.append(ToolStart(self._called, recipient[1]))
            self._called += 1
            self._text.drop()
            self._json = JsonEnd()
            self._state = self._before_arguments
        elif _THOUGHT.search(header):
            self.thinking = True
            self._state = self._in_thought
        else:
            self._state = self._in_text

    def _open_bare(self, header: str, end: int) -> None:
        """A message without its marker: what is no header's is the message's. end: where it ends in all that was
        fed."""
        self._open(header)
        parts = _PARTS.match(header)
        rest = header[parts.end() :] if parts else header
        if self.thinking:
            self._events += self._thoughts.feed(rest)
        elif self._state == self._in_text:
            self._events += self._text.feed(rest, end - len(rest))

    def _close(self, marker: str) -> None:
        """A message ends; what follows is the next one's header."""
        if self._state in (self._before_arguments, self._in_arguments):
            self._state = self._in_nothing
            return
        self.thinking = False
        self._header = [marker] if marker in (_CHANNEL, _START) else []
        self._header_size = 0
        self._splitter = Splitter(_HEADER_ENDS)
        self._state = self._in_header

    def _in_text(self, text: str, start: int) -> int:
        cut = self._splitter.feed(text, start)
        end = self._seen + cut.end - len(cut.marker or self._splitter.held)
        self._events += self._text.feed(cut.text, end - len(cut.text))
        if cut.marker:
            self._close(cut.marker)
        return cut.end

    def _in_thought(self, text: str, start: int) -> int:
        cut = self._splitter.feed(text, start)
        self._events += self._thoughts.feed(cut.text)
        if cut.marker:
            self._close(cut.marker)
        return cut.end

    def _before_arguments(self, text: str, start: int) -> int:
        if text[start].isspace():
            return start + 1
        self._state = self._in_arguments if text[start] == "{" else self._in_nothing
        return start

    def _in_arguments(self, text: str, start: int) -> int:
        end, whole = self._json.feed(text, start)
        self._events.append(ToolArguments(self._called - 1, text[start:end]))
        if whole:
            self._state = self._after_arguments
        return end

    def _after_arguments(self, text: str, start: int) -> int:
        cut = self._splitter.feed(text, start)
        if cut.marker:
            self._close(cut.marker)
        return cut.end

    def _in_nothing(self, text: str, start: int) -> int:
        """A call that cannot be read: what follows is not shown."""
        return len(text)
