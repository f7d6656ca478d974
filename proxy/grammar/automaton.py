"""Languages of strings as minimal deterministic automata over characters: ``a & b``, ``a | b``, ``a - b``, ``~a``.

``[0-9]+`` is ``edges=((([0-9], 1),), (([0-9], 1),)), accepting={1}``: a state is a place in ``edges``, 0 the
first; an edge is a set of characters and the state that follows; where no edge fits the string is refused."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, TypeVar

from .alphabet import alphabet
from .intervals import ANY, Intervals
from .minimise import Row, minimal

MOST_STATES = 1000
_PRINTABLE = Intervals([(0x20, 0x7E)])
# Of the 95 printable ones: below the first few tokens of a vocabulary fit, below the second no words with spaces.
_HALF_BROAD, _BROAD = 40, 70

Edge = tuple[Intervals, int]
State = TypeVar("State", bound=Hashable)


class TooManyStates(ValueError):
    """The automaton would have more than MOST_STATES states."""


@dataclass(frozen=True, slots=True)
class Automaton:
    """Immutable and in normal form: equal automata are equal languages."""

    EVERYTHING: ClassVar[Automaton]
    NOTHING: ClassVar[Automaton]

    edges: tuple[tuple[Edge, ...], ...]
    accepting: frozenset[int]

    @classmethod
    def explored(
        cls,
        letters: list[list[tuple[int, int]]],
        start: State,
        step: Callable[[State], Mapping[int, State]],
        accepts: Callable[[State], bool],
    ) -> Automaton:
        """The automaton of all states that step reaches. step: a state to the ones that follow it, by the number
        of the letter. Raises TooManyStates."""
        numbers = {start: 0}
        states = [start]
        rows: list[Row] = []
        for state in states:  # grows while it runs
            row = {}
            for letter, following in step(state).items():
                if following not in numbers:
                    numbers[following] = len(states)
                    states.append(following)
                row[letter] = numbers[following]
            rows.append(row)
            if len(states) > MOST_STATES:
                raise TooManyStates(f"more than {MOST_STATES} states")
        rows, accepting = minimal(rows, {number for number, state in enumerate(states) if accepts(state)})
        return cls(tuple(_edges(row, letters) for row in rows), frozenset(accepting))

    @classmethod
    def words(cls, words: Iterable[str]) -> Automaton:
        """Exactly these strings."""
        letters, spelled = alphabet(Intervals.of(char) for word in words for char in word)
        number = {chr(points.ranges[0][0]): only for points, (only,) in spelled.items()}

        def step(ends: frozenset[str]) -> dict[int, frozenset[str]]:
            after: dict[str, set[str]] = {}
            for end in ends:
                if end:
                    after.setdefault(end[0], set()).add(end[1:])
            return {number[char]: frozenset(following) for char, following in sorted(after.items())}

        return cls.explored(letters, frozenset(words), step, lambda ends: "" in ends)

    @classmethod
    def lengths(cls, low: int, high: int | None) -> Automaton:
        """All strings of low to high characters; high None: no limit. Raises TooManyStates."""
        last = low if high is None else high
        if last >= MOST_STATES:
            raise TooManyStates(f"more than {MOST_STATES} states")

        def step(length: int) -> dict[int, int]:
            return {0: length + 1} if length < last else {0: length} if high is None else {}

        return cls.explored([list(ANY.ranges)], 0, step, lambda length: low <= length)

    def accepts(self, text: str) -> bool:
        if self is self.EVERYTHING:
            return True
        state = 0
        for char in text:
            point = ord(char)
            following = next((to for points, to in self.edges[state] if point in points), None)
            if following is None:
                return False
            state = following
        return state in self.accepting

    @property
    def is_empty(self) -> bool:
        """No string at all."""
        return not self.accepting

    @property
    def is_universal(self) -> bool:
        """Every string."""
        return self == self.EVERYTHING

    @property
    def broad(self) -> int:
        """How many states almost all of a vocabulary fits: what an engine pays for. Those which words fit, but no
        spaces, cost it a quarter."""
        return -(-sum(map(_quarters, self.edges)) // 4)

    def finite(self, limit: int) -> list[str] | None:
        """All strings, in order, if there are no more than limit."""
        found: list[str] = []
        waiting = [(0, "")]
        while waiting:
            state, text = waiting.pop()
            if state in self.accepting:
                found.append(text)
            following = sum(points.size for points, _ in self.edges[state])
            # Every state leads to a string: whatever waits is one more at least.
            if len(found) + len(waiting) + following > limit or len(text) > len(self.edges):
                return None
            for points, to in self.edges[state]:
                waiting.extend((to, text + chr(point)) for a, b in points for point in range(a, b + 1))
        return sorted(found)

    def __and__(self, other: Automaton) -> Automaton:
        if other.is_universal or self == other:
            return self
        if self.is_universal:
            return other
        return self._product(other, lambda a, b: a.keys() & b.keys(), lambda a, b: a and b)

    def __or__(self, other: Automaton) -> Automaton:
        return self._product(other, lambda a, b: a.keys() | b.keys(), lambda a, b: a or b)

    def __sub__(self, other: Automaton) -> Automaton:
        return self._product(other, lambda a, _: a.keys(), lambda a, b: a and not b)

    def __invert__(self) -> Automaton:
        return self.EVERYTHING - self

    def _product(
        self,
        other: Automaton,
        letters_of: Callable[[Row, Row], Iterable[int]],
        accepts: Callable[[bool, bool], bool],
    ) -> Automaton:
        """Both run side by side; -1 is the state of one that has refused. Raises TooManyStates."""
        letters, spelled = alphabet(points for one in (self, other) for row in one.edges for points, _ in row)
        mine, theirs = ([*map(dict, _rows(one, spelled)), {}] for one in (self, other))

        def step(pair: tuple[int, int]) -> dict[int, tuple[int, int]]:
            a, b = mine[pair[0]], theirs[pair[1]]
            return {letter: (a.get(letter, -1), b.get(letter, -1)) for letter in sorted(letters_of(a, b))}

        def ends(pair: tuple[int, int]) -> bool:
            return accepts(pair[0] in self.accepting, pair[1] in other.accepting)

        return self.explored(letters, (0, 0), step, ends)


def _rows(automaton: Automaton, spelled: dict[Intervals, list[int]]) -> list[Row]:
    return [{letter: to for points, to in row for letter in spelled[points]} for row in automaton.edges]


def _edges(row: Row, letters: list[list[tuple[int, int]]]) -> tuple[Edge, ...]:
    """One edge for each state that follows, in the order of their lowest characters."""
    together: dict[int, list[tuple[int, int]]] = {}
    for letter, following in row.items():
        together.setdefault(following, []).extend(letters[letter])
    edges = ((Intervals(ranges), following) for following, ranges in together.items())
    return tuple(sorted(edges, key=lambda edge: edge[0].ranges))


def _quarters(edges: tuple[Edge, ...]) -> int:
    """What a state costs an engine: four quarters where words and the space before them fit, one where words
    do."""
    printable = sum([_printable(points) for points, _ in edges])
    return 4 if printable >= _BROAD else 1 if printable >= _HALF_BROAD else 0


@lru_cache(maxsize=4096)
def _printable(points: Intervals) -> int:
    return (points & _PRINTABLE).size


Automaton.EVERYTHING = Automaton((((ANY, 0),),), frozenset({0}))
Automaton.NOTHING = Automaton(((),), frozenset())
