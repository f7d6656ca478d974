"""Every string but a few words: what is left for the names of undeclared properties.

The states are what may still follow of the words: two beginnings after which the same is left share a state, so
that the automaton is minimal as it is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from .automaton import Automaton, Edge, TooManyStates
from .intervals import ANY, Intervals

_MOST_STATES = 1000


def all_but(words: Iterable[str]) -> Automaton:
    """The complement of the words. Raises TooManyStates past 1,000 states."""
    start = frozenset(words)
    numbers: dict[frozenset[str], int] = {start: 0}
    states = [start]
    rows: list[tuple[Edge, ...]] = []
    for ends in states:  # grows while it runs
        after: dict[str, list[str]] = {}
        for end in ends:
            if end:
                after.setdefault(end[0], []).append(end[1:])
        row: list[Edge] = []
        for char, left in sorted(after.items()):
            following = frozenset(left)
            if following not in numbers:
                numbers[following] = len(states)
                states.append(following)
            row.append((_these(char), numbers[following]))
        row.append((_others("".join(sorted(after))), -1))
        rows.append(tuple(row))
        if len(states) > _MOST_STATES:
            raise TooManyStates(f"more than {_MOST_STATES} states")
    rest = len(states)
    edges = [tuple((points, rest if to < 0 else to) for points, to in row) for row in rows]
    accepting = frozenset(number for number, ends in enumerate(states) if "" not in ends) | {rest}
    return Automaton((*edges, ((ANY, rest),)), accepting)


@lru_cache(maxsize=1024)
def _these(characters: str) -> Intervals:
    return Intervals.of(characters)


@lru_cache(maxsize=4096)
def _others(characters: str) -> Intervals:
    return ANY - Intervals.of(characters)
