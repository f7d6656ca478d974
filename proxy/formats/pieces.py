"""The pieces of a text and of a thought on their way to the client, without the white space at their edges that is
the family's, not theirs."""

from __future__ import annotations

from ..events import Content, Reasoning


class TextPieces:
    """White space is held back: before a call it is dropped."""

    def __init__(self) -> None:
        self._blank: list[str] = []
        self._start = 0
        self._end = 0

    def feed(self, text: str, start: int) -> list[Content]:
        """What can be shown. start: where the text begins in all that the model wrote."""
        if not text:
            return []
        shown = [] if start == self._end else self.finish()
        self._end = start + len(text)
        body = text.rstrip()
        if body:
            held = "".join(self._blank)
            shown.append(Content(held + body, start=start - len(held)))
            self._blank = []
        if len(body) < len(text):
            if not self._blank:
                self._start = start + len(body)
            self._blank.append(text[len(body) :])
        return shown

    def drop(self) -> None:
        """A call has begun."""
        self._blank = []

    def finish(self) -> list[Content]:
        """What was held back; no call has followed."""
        held, self._blank = "".join(self._blank), []
        return [Content(held, start=self._start)] if held else []


class ThoughtPieces:
    """The newlines before and behind a thought are dropped; those behind it are held back until it goes on."""

    def __init__(self) -> None:
        self._begun = False
        self._newlines = 0

    def feed(self, text: str) -> list[Reasoning]:
        if not self._begun:
            text = text.lstrip("\n")
            self._begun = bool(text)
        body = text.rstrip("\n")
        held = "\n" * self._newlines if body else ""
        self._newlines = len(text) - len(body) + (0 if body else self._newlines)
        return [Reasoning(held + body)] if body else []
