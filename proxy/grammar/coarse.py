"""An automaton that an engine cannot be asked to carry in, a smaller one of more strings out.

``^[a-z]{1,255}$`` becomes ``^[a-z]+$``: what is forgotten is how far a string has come.
"""

from __future__ import annotations

from .alphabet import alphabet
from .automaton import Automaton
from .intervals import Intervals


def coarse(automaton: Automaton, depth: int) -> Automaton:
    """All strings of the automaton, and those that it would take if it could not tell states apart which look
    alike for as many characters as depth. Raises TooManyStates."""
    group = [int(state in automaton.accepting) for state in range(len(automaton.edges))]
    for _ in range(depth):
        numbers: dict[tuple[int, frozenset[tuple[int, Intervals]]], int] = {}
        group = [
            numbers.setdefault((group[state], _seen(automaton, group, state)), len(numbers))
            for state in range(len(group))
        ]
    letters, spelled = alphabet(points for edges in automaton.edges for points, _ in edges)
    rows: list[dict[int, set[int]]] = [{} for _ in range(max(group) + 1)]
    for state, edges in enumerate(automaton.edges):
        for points, to in edges:
            for letter in spelled[points]:
                rows[group[state]].setdefault(letter, set()).add(group[to])
    accepting = {group[state] for state in automaton.accepting}

    def step(groups: frozenset[int]) -> dict[int, frozenset[int]]:
        following: dict[int, set[int]] = {}
        for number in groups:
            for letter, targets in rows[number].items():
                following.setdefault(letter, set()).update(targets)
        return {letter: frozenset(targets) for letter, targets in sorted(following.items())}

    return Automaton.explored(
        letters, frozenset((group[0],)), step, lambda groups: not accepting.isdisjoint(groups)
    )


def _seen(automaton: Automaton, group: list[int], state: int) -> frozenset[tuple[int, Intervals]]:
    """The characters that lead to each group."""
    found: dict[int, Intervals] = {}
    for points, to in automaton.edges[state]:
        found[group[to]] = found[group[to]] | points if group[to] in found else points
    return frozenset(found.items())
