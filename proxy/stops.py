"""Stop strings: text pieces in, the text that may be shown out, cut before the first stop string.

The stop that is complete first wins, and of those complete at the same character the longest. Each character
is looked at once (Aho & Corasick 1975), wherever the text is split; the longest possible beginning of a stop
string is held back until it is decided.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class StopStrings:
    """The automaton of a request's stop strings; shared by its samples.

    strings: none of them empty. ``trie[state]`` maps a character to the next state, ``depth[state]`` is how
    many characters of text the state holds back, ``match[state]`` the length of the stop it completes or 0.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self.trie: list[dict[str, int]] = [{}]
        self.depth = [0]
        self.match = [0]
        self.first = frozenset(string[0] for string in strings)
        for string in strings:
            self._insert(string)
        self._close()

    def _insert(self, string: str) -> None:
        state = 0
        for char in string:
            if char not in self.trie[state]:
                self.trie[state][char] = len(self.trie)
                self.trie.append({})
                self.depth.append(self.depth[state] + 1)
                self.match.append(0)
            state = self.trie[state][char]
        self.match[state] = len(string)

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


class StopCutter:
    """One sample's way through the automaton. ``hit`` says that a stop string was met: feed no more."""

    def __init__(self, stops: StopStrings) -> None:
        self._stops = stops
        self._state = 0
        self._held = ""
        self.hit = False

    def feed(self, text: str) -> str:
        """The text that can be shown now."""
        stops = self._stops
        state = self._state
        if not state and stops.first.isdisjoint(text):
            return text
        trie, match = stops.trie, stops.match
        root = trie[0]
        for position, char in enumerate(text):
            state = trie[state].get(char, 0) if state else root.get(char, 0)
            if match[state]:
                self.hit = True
                self._state = 0
                shown = self._held + text[: position + 1]
                self._held = ""
                return shown[: len(shown) - match[state]]
        self._state = state
        text = self._held + text
        cut = len(text) - stops.depth[state]
        self._held = text[cut:]
        return text[:cut]

    def finish(self) -> str:
        """What was held back and turned out to be no stop string."""
        held, self._held = self._held, ""
        self._state = 0
        return held
