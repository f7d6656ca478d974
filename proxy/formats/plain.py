"""Models that write neither calls nor thoughts: all text is content.

::

    The capital of India is New Delhi.
"""

from __future__ import annotations

from ..events import Content, Done, Event, Finish, LogProb


class PlainParser:
    """Holds nothing back."""

    def feed(self, text: str, log_probs: tuple[LogProb, ...]) -> list[Event]:
        return [Content(text, log_probs)]

    def finish(self, reason: Finish) -> list[Event]:
        return [Done(reason)]
