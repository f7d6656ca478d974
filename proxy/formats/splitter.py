"""Text pieces in, the same text cut at the first of several markers out: the only hold-back in the project.

The marker that is complete first wins, and of those complete at the same character the longest. Each character
is looked at once (Aho & Corasick 1975), wherever the text is split; what may become a marker is held back until it
is decided. What is held back is always the beginning of a marker, so nothing of the text is kept.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple


class Markers:
    """The automaton of some markers; shared by all that look for them.

    strings: none of them empty. first: the characters that one can begin with. ``trie[state]`` maps a character to
    the next state, ``match[state]`` is the marker that it completes or "".
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self.trie: list[dict[str, int]] = [{}]
        self._beginning_of = [("", 0)]
        self.match = [""]
        self.first = frozenset(string[0] for string in strings)
        self.beginning = re.compile("|".join(sorted(map(re.escape, self.first))) or "(?!)")
        for string in strings:
            self._insert(string)
        self._close()

    def _insert(self, string: str) -> None:
        state = 0
        for place, char in enumerate(string, 1):
            if char not in self.trie[state]:
                self.trie[state][char] = len(self.trie)
                self.trie.append({})
                self._beginning_of.append((string, place))
                self.match.append("")
            state = self.trie[state][char]
        self.match[state] = string

    def _close(self) -> None:
        """Adds the failure edges, so that one look-up a character is enough."""
        fail = [0] * len(self.trie)
        queue = deque(self.trie[0].values())
        while queue:
            state = queue.popleft()
            self.match[state] = self.match[state] or self.match[fail[state]]
            edges = dict(self.trie[fail[state]])
            for char, child in self.trie[state].items():
                fail[child] = edges.get(char, 0)
                edges[char] = child
                queue.append(child)
            self.trie[state] = edges

    def held(self, state: int) -> str:
        """The text that the state holds back."""
        string, size = self._beginning_of[state]
        return string[:size]


@lru_cache(maxsize=256)
def markers(*strings: str) -> Markers:
    """A family's markers, made once."""
    return Markers(strings)


class Cut(NamedTuple):
    """text: what stands before the marker, or before what is held back. marker: the one that was met, or "". end:
    how far the fed text was read: up to the marker's end, or all of it."""

    text: str
    marker: str
    end: int


class Splitter:
    """One text's way through the automaton; starts anew after each marker."""

    def __init__(self, markers: Markers) -> None:
        self._markers = markers
        self._state = 0

    @property
    def held(self) -> str:
        """What may become a marker."""
        return self._markers.held(self._state)

    def feed(self, text: str, start: int = 0) -> Cut:
        """The text from start on, up to the first marker."""
        state, before, beginning = self._state, self.held, self._markers.beginning
        trie, match = self._markers.trie, self._markers.match
        position, size = start, len(text)
        while position < size:
            if not state:
                found = beginning.search(text, position)
                if found is None:
                    break
                position = found.start()
            state = trie[state].get(text[position], 0)
            position += 1
            if match[state]:
                self._state = 0
                shown = before + text[start:position]
                return Cut(shown[: len(shown) - len(match[state])], match[state], position)
        self._state = state
        shown = before + text[start:]
        return Cut(shown[: len(shown) - len(self.held)], "", size)

    def finish(self) -> str:
        """What was held back and turned out to be no marker."""
        held, self._state = self.held, 0
        return held
