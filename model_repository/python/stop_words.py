"""Stop words as the token contract encodes them, and the look-out for them in an answer.

``[[5, 6, 9], [2, 3, -1]]`` is the two words ``5 6`` and ``9``: the ids of all words in a row, padded with 0, over
the offsets at which the words end, padded with -1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def read_stop_words(encoded: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """Decodes ``[ids, ends]``. Raises ValueError when the ends do not rise strictly, reach past the ids, or go on
    after a -1 (the checks of the TensorRT-LLM backend)."""
    ids, ends = encoded
    words = []
    start, closed = 0, False
    for end in ends:
        if end == -1:
            closed = True
            continue
        if closed:
            raise ValueError(f"offset {end} comes after a -1")
        if not start < end <= len(ids):
            raise ValueError(f"offset {end} must be more than {start} and at most {len(ids)}")
        words.append(tuple(ids[start:end]))
        start = end
    return tuple(words)


class StopWatch:
    """Sees every id of an answer once and tells when the answer ends in a stop word."""

    def __init__(self, words: Iterable[tuple[int, ...]]) -> None:
        self._by_last: dict[int, list[list[int]]] = {}
        for word in words:
            self._by_last.setdefault(word[-1], []).append(list(word))
        self._seen: list[int] = []

    def feed(self, token: int) -> bool:
        """Takes the next id; returns whether a stop word ends with it."""
        if not self._by_last:
            return False
        self._seen.append(token)
        return any(self._seen[-len(word) :] == word for word in self._by_last.get(token, ()))
