"""Models that write neither calls nor thoughts: all text is content.

::

    The capital of India is New Delhi.
"""

from __future__ import annotations

from ..events import Content, Done, Event
from ..generation import FinishReason


class PlainParser:
    """Holds nothing back. start: of no matter here."""

    thinking = False
    resting = True

    def __init__(self, start: object = None) -> None:
        self._seen = 0

    def feed(self, text: str) -> list[Event]:
        content = Content(text, start=self._seen)
        self._seen += len(text)
        return [content]

    def finish(self, reason: FinishReason) -> list[Event]:
        return [Done(reason)]
