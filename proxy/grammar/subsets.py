"""A non-deterministic automaton in, the deterministic one out: subset construction with assertions.

Whether an assertion holds hangs on the kinds of the two neighbours of a place. So a deterministic state is a set
of states and the kind of the character before; the kind of the one after is known with the letter that is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .alphabet import alphabet
from .automaton import Automaton
from .intervals import BEYOND_ASCII, Intervals
from .regex_classes import NEWLINE, WORD
from .regex_syntax import Assertion

END = 0  # the state in which everything is found already: it accepts, whatever follows

BOUNDARIES = {Assertion.BOUNDARY, Assertion.NO_BOUNDARY}
Moves = Sequence[Sequence[tuple[Intervals, int]]]
Free = Sequence[Sequence[tuple[int, Assertion | None]]]
_Kernel = tuple[frozenset[int], int]
# What a neighbour is: an end of the text, a word character, a line feed, one beyond ASCII, any other.
_EDGE, _WORD, _NEWLINE, _BEYOND, _OTHER = range(5)


def deterministic(moves: Moves, free: Free, start: int) -> Automaton:
    """The language of the start state. moves: what each state reads and where it leads. free: where it leads
    without reading, if the assertion holds. Raises TooManyStates."""
    subsets = _Subsets(moves, free)
    return Automaton.explored(subsets.letters, (frozenset({start}), _EDGE), subsets.step, subsets.accepts)


class _Subsets:
    def __init__(self, moves: Moves, free: Free) -> None:
        self.free = free
        used = {assertion for ways in free for _, assertion in ways}
        nothing = Intervals()
        words, beyond = (WORD, BEYOND_ASCII) if used & BOUNDARIES else (nothing, nothing)
        lines = NEWLINE if used & {Assertion.LINE_START, Assertion.LINE_END} else nothing
        self.letters, spelled = alphabet([points for ways in moves for points, _ in ways] + [words, beyond, lines])
        self.kinds = [_OTHER] * len(self.letters)
        for points, kind in ((words, _WORD), (beyond, _BEYOND), (lines, _NEWLINE)):
            for letter in spelled[points]:
                self.kinds[letter] = kind
        self.moves = [[(letter, to) for points, to in ways for letter in spelled[points]] for ways in moves]
        self.closures: dict[tuple[_Kernel, int], frozenset[int]] = {}

    def step(self, kernel: _Kernel) -> Mapping[int, _Kernel]:
        following: dict[int, set[int]] = {}
        for kind in set(self.kinds):
            for state in self.closure(kernel, kind):
                for letter, to in self.moves[state]:
                    if self.kinds[letter] == kind:
                        following.setdefault(letter, set()).add(to)
        return {letter: self.kernel(states, letter) for letter, states in following.items()}

    def kernel(self, states: set[int], letter: int) -> _Kernel:
        """Once the end is reached nothing else matters."""
        return (frozenset({END}), _OTHER) if END in states else (frozenset(states), self.kinds[letter])

    def accepts(self, kernel: _Kernel) -> bool:
        return END in self.closure(kernel, _EDGE)

    def closure(self, kernel: _Kernel, after: int) -> frozenset[int]:
        """The states that are reached without reading, between the kind before and the kind after."""
        key = (kernel, after)
        found = self.closures.get(key)
        if found is None:
            found = self.closures[key] = self._closure(*kernel, after)
        return found

    def _closure(self, states: frozenset[int], before: int, after: int) -> frozenset[int]:
        seen, waiting = set(states), list(states)
        while waiting:
            for target, assertion in self.free[waiting.pop()]:
                if target not in seen and (assertion is None or _holds(assertion, before, after)):
                    seen.add(target)
                    waiting.append(target)
        return frozenset(seen)


def _holds(assertion: Assertion, before: int, after: int) -> bool:
    if assertion is Assertion.START:
        return before == _EDGE
    if assertion is Assertion.END:
        return after == _EDGE
    if assertion is Assertion.LINE_START:
        return before in (_EDGE, _NEWLINE)
    if assertion is Assertion.LINE_END:
        return after in (_EDGE, _NEWLINE)
    # ECMA's words are ASCII, the checker's are not: next to a character beyond ASCII both hold.
    edge = (before == _WORD) != (after == _WORD)
    return _BEYOND in (before, after) or edge == (assertion is Assertion.BOUNDARY)
