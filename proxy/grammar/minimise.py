"""A deterministic automaton in, the smallest one of the same language out.

Rows: for each state, letter -> following state; where a letter is missing the text is refused. States are numbers,
letters too.
"""

from __future__ import annotations

from collections.abc import Iterable

Row = dict[int, int]


def minimal(rows: list[Row], accepting: set[int]) -> tuple[list[Row], set[int]]:
    """Without the states that lead nowhere, those that no text can tell apart joined, numbered from the start (0)
    in the order in which the letters reach them. An empty language has one state and no letter."""
    live = _live(rows, accepting)
    if 0 not in live:
        return [{}], set()
    trimmed = {state: {a: to for a, to in rows[state].items() if to in live} for state in live}
    group_of = _groups(trimmed, accepting & live)
    numbers = {group_of[0]: 0}
    states = [0]
    for state in states:  # grows while it runs
        for letter in sorted(trimmed[state]):
            following = trimmed[state][letter]
            if group_of[following] not in numbers:
                numbers[group_of[following]] = len(states)
                states.append(following)
    found = [{a: numbers[group_of[to]] for a, to in trimmed[state].items()} for state in states]
    return found, {number for number, state in enumerate(states) if state in accepting}


def _live(rows: list[Row], accepting: Iterable[int]) -> set[int]:
    """The states from which an accepting one can be reached."""
    before: list[list[int]] = [[] for _ in rows]
    for state, row in enumerate(rows):
        for following in row.values():
            before[following].append(state)
    live = set(accepting)
    waiting = list(live)
    while waiting:
        for state in before[waiting.pop()]:
            if state not in live:
                live.add(state)
                waiting.append(state)
    return live


def _groups(rows: dict[int, Row], accepting: set[int]) -> dict[int, int]:
    """The group of each state, by partition refinement (Hopcroft 1971). Every state leads to acceptance, so the
    state of refused texts needs no place: both first groups are split by, and a state without a letter falls
    out."""
    before: dict[int, dict[int, list[int]]] = {}
    for state, row in rows.items():
        for letter, following in row.items():
            before.setdefault(letter, {}).setdefault(following, []).append(state)
    groups = [group for group in (set(accepting), set(rows) - accepting) if group]
    group_of = {state: number for number, group in enumerate(groups) for state in group}
    waiting = set(range(len(groups)))
    while waiting:
        splitter = tuple(groups[waiting.pop()])
        for sources in before.values():
            touched: dict[int, set[int]] = {}
            for following in splitter:
                for state in sources.get(following, ()):
                    touched.setdefault(group_of[state], set()).add(state)
            for number, members in touched.items():
                if len(members) < len(groups[number]):
                    _split(groups, group_of, waiting, number, members)
    return group_of


def _split(
    groups: list[set[int]], group_of: dict[int, int], waiting: set[int], number: int, out: set[int]
) -> None:
    """Moves the states that are out from their group into a new one; the smaller of both has to be split by."""
    groups[number] -= out
    new = len(groups)
    groups.append(out)
    for state in out:
        group_of[state] = new
    smaller = new if number in waiting or len(out) <= len(groups[number]) else number
    waiting.add(smaller)
