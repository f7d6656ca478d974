"""Stop strings: text pieces in, the text that may be shown out, cut before the first stop string.

The stop that is complete first wins, and of those complete at the same character the longest; the longest possible
beginning of one is held back until it is decided.
"""

from __future__ import annotations

from .formats.splitter import Markers, Splitter


class StopStrings(Markers):
    """The stop strings of a request; shared by its samples."""


class StopCutter:
    """One sample's text. ``hit`` says that a stop string was met: feed no more."""

    def __init__(self, stops: StopStrings) -> None:
        self._splitter = Splitter(stops)
        self.hit = False

    def feed(self, text: str) -> str:
        """The text that can be shown now."""
        cut = self._splitter.feed(text)
        self.hit = bool(cut.marker)
        return cut.text

    def finish(self) -> str:
        """What was held back and turned out to be no stop string."""
        return self._splitter.finish()
