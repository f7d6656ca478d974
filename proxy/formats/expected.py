"""Which of a few texts comes next; white space apart, where models are not strict about it."""

from __future__ import annotations


class Expected:
    """texts: none of them the beginning of another; empty ones never come. exact: white space counts. found: the
    one that came. failed: none of them can come any more. read: how many characters of them have come. left: those
    that still can."""

    def __init__(self, *texts: str, exact: bool = False) -> None:
        self.left = [text for text in texts if text.strip()]
        self._exact = exact
        self._bare = [text if exact else "".join(text.split()) for text in self.left]
        self.read = 0
        self.found: str | None = None
        self.failed = not self.left

    def feed(self, text: str, start: int) -> int:
        """How far the text was read: up to the end of the one that came, or the first character that cannot be."""
        for position in range(start, len(text)):
            char = text[position]
            if char.isspace() and not self._exact:
                continue
            kept = [place for place, bare in enumerate(self._bare) if bare[self.read] == char]
            if not kept:
                self.failed = True
                return position
            self.left = [self.left[place] for place in kept]
            self._bare = [self._bare[place] for place in kept]
            self.read += 1
            if self.read == len(self._bare[0]):
                self.found = self.left[0]
                return position + 1
        return len(text)
