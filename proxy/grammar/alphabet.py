"""Sets of characters in, the coarsest alphabet out in which each set is a union of letters.

``[a-z]`` and ``[aeiou]`` make two letters: the vowels and the consonants.
"""

from __future__ import annotations

from collections.abc import Iterable

from .intervals import Intervals


def alphabet(sets: Iterable[Intervals]) -> tuple[list[list[tuple[int, int]]], dict[Intervals, list[int]]]:
    """The letters, each as its ranges of code points, and for each set the numbers of its letters."""
    distinct = list(dict.fromkeys(sets))
    turns: dict[int, int] = {}  # where sets begin or end, and which of them: a bit each
    for number, points in enumerate(distinct):
        for start, end in points:
            turns[start] = turns.get(start, 0) ^ 1 << number
            turns[end + 1] = turns.get(end + 1, 0) ^ 1 << number
    letters: dict[int, list[tuple[int, int]]] = {}
    inside, since = 0, 0
    for position in sorted(turns):
        if inside:
            letters.setdefault(inside, []).append((since, position - 1))
        inside ^= turns[position]
        since = position
    masks = list(letters)
    spelled = {
        points: [letter for letter, mask in enumerate(masks) if mask >> number & 1]
        for number, points in enumerate(distinct)
    }
    return list(letters.values()), spelled
