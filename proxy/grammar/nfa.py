"""The tree of a regular expression in, an automaton out.

The non-deterministic automaton is built from its end: each part knows the state that follows it. So a look-ahead
is an intersection with all that follows."""

from __future__ import annotations

from .automaton import Automaton, TooManyStates
from .intervals import ANY, Intervals
from .regex_syntax import Alternation, Assertion, Chars, Concatenation, Lookahead, Node, Repetition, Superset
from .subsets import BOUNDARIES, END, deterministic

_MOST_STATES = 4000
_LOOSE = 3  # the highest count that a loose build keeps
_LOOKS_BACK = {Assertion.START, Assertion.LINE_START, *BOUNDARIES}


class Nfa:
    """States are numbers. END is one of them.

    loose: counts above a few become loops. exact: nothing but the language is accepted; else a superset.
    """

    def __init__(self, loose: bool = False) -> None:
        self.loose = loose
        self.exact = True
        self.moves: list[list[tuple[Intervals, int]]] = [[(ANY, END)]]
        self.free: list[list[tuple[int, Assertion | None]]] = [[]]
        self._looping = 0

    def found(self, node: Node) -> Automaton:
        """The strings in which the node is found, anywhere. Raises TooManyStates."""
        start = self.build(node, END)
        if not anchored(node):
            before = self._state((ANY, len(self.moves)))
            self.free[before].append((start, None))
            start = before
        return self.automaton(start)

    def build(self, node: Node, target: int) -> int:
        """The state from which the node leads to target."""
        if isinstance(node, Chars):
            self.exact &= not node.doubtful
            return self._state((node.possible, target))
        if isinstance(node, Concatenation):
            for part in reversed(node.parts):
                target = self.build(part, target)
            return target
        if isinstance(node, Alternation):
            return self._fork([self.build(part, target) for part in node.parts])
        if isinstance(node, Repetition):
            return self._repetition(node, target)
        if isinstance(node, Assertion):
            self.exact &= node not in BOUNDARIES
            state = self._state()
            self.free[state].append((target, node))
            return state
        if isinstance(node, Lookahead):
            return self._lookahead(node, target)
        self.exact = False
        return self.build(node.body, target)

    def _state(self, *moves: tuple[Intervals, int]) -> int:
        if len(self.moves) > _MOST_STATES:
            raise TooManyStates(f"more than {_MOST_STATES} states")
        self.moves.append(list(moves))
        self.free.append([])
        return len(self.moves) - 1

    def _fork(self, targets: list[int]) -> int:
        state = self._state()
        self.free[state].extend((target, None) for target in targets)
        return state

    def _repetition(self, node: Repetition, target: int) -> int:
        low, high = node.low, node.high
        if self.loose and max(low, high or 0) > _LOOSE:
            self.exact = False
            low, high = min(low, _LOOSE), None
        if high is None:
            loop = self._state()
            self._looping += 1
            self.free[loop] += [(self.build(node.body, loop), None), (target, None)]
            self._looping -= 1
            target = loop
        else:
            end = target
            for _ in range(high - low):
                target = self._fork([self.build(node.body, target), end])
        for _ in range(low):
            target = self.build(node.body, target)
        return target

    def _lookahead(self, node: Lookahead, target: int) -> int:
        """What follows, and the look-ahead, are automata of their own; their intersection or difference is put in
        the place. In a loop what follows is not known yet, and nor is, here, what a look back would see: there the
        look-ahead is left out."""
        body = Nfa(self.loose)
        start = body.build(node.body, END)
        if self._looping or body.looks_back(start) or self.looks_back(target) or (node.negated and not body.exact):
            self.exact = False
            return target
        self.exact &= body.exact
        ahead, rest = body.automaton(start), self.automaton(target)
        return self._embedded(rest - ahead if node.negated else rest & ahead)

    def _embedded(self, automaton: Automaton) -> int:
        states = [self._state() for _ in automaton.edges]
        for number, edges in enumerate(automaton.edges):
            self.moves[states[number]] = [(points, states[to]) for points, to in edges]
            if number in automaton.accepting:
                self.free[states[number]].append((END, Assertion.END))
        return states[0]

    def looks_back(self, state: int) -> bool:
        """Whether an assertion that can be met before any character looks at the one before."""
        seen, waiting = {state}, [state]
        while waiting:
            for target, assertion in self.free[waiting.pop()]:
                if assertion in _LOOKS_BACK:
                    return True
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return False

    def automaton(self, start: int) -> Automaton:
        """The language of the state, at the beginning of a text."""
        return deterministic(self.moves, self.free, start)


def anchored(node: Node) -> bool:
    """Whether it can only be found at the start of a text."""
    if isinstance(node, Concatenation):
        for part in node.parts:
            if anchored(part):
                return True
            if not isinstance(part, Lookahead | Assertion):
                return False
        return False
    if isinstance(node, Alternation):
        return all(map(anchored, node.parts))
    if isinstance(node, Superset):
        return anchored(node.body)
    return node is Assertion.START
