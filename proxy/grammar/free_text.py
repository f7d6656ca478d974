"""Text in which some words lead out of it and others must not appear, as rules: one state for each beginning of a
word that may have been met (Knuth, Morris & Pratt 1977; of several words Aho & Corasick 1975)::

    text with "<c>" leading to calls, and no "<x"
    t0 ::= "" | [<] t1 | [^<] t0
    t1 ::= "" | [<] t1 | [c] t2 | [^<cx] t0
    t2 ::= "" | [<] t1 | [>] calls | [^<>] t0

False beginnings stay text, and there is one way to read it. Where a word goes on with a character beyond ASCII, no
other one may stand in its place: sets of such characters are not portable. Each state takes an engine some time to
compile, as almost any token may come next; so a forbidden word is forbidden from its first eight characters on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .intervals import ANY, BEYOND_ASCII, Intervals
from .rules import EMPTY, Chars, Expr, Grammar, Rule, choice, letters, sequence

_DISTINCT = 8  # characters that no text begins by chance


@dataclass(frozen=True, slots=True)
class Exit:
    """A word that leads out of the text, and what follows it. first: only where the text begins with it."""

    word: str
    then: Expr
    first: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    """met: the words that may have begun, by number, and how many characters of each were met. held: one of them
    has to be finished, as it has a forbidden word in it."""

    met: frozenset[tuple[int, int]]
    held: bool = False


def free_text(grammar: Grammar, exits: Sequence[Exit], forbidden: Collection[str], *, ends: bool) -> Rule:
    """The text. forbidden: words that must not appear but as part of an exit's. ends: whether the text may end,
    which it may anywhere; else it has to be left by an exit."""
    writer = _Writer(grammar, exits, forbidden, ends=ends)
    return writer.rule(frozenset((n, 0) for n, out in enumerate(exits) if out.first))


def one_of(grammar: Grammar, exits: Sequence[Exit]) -> Expr:
    """One of the words and what follows it; words may begin alike, but none is the beginning of another."""
    if len(exits) == 1:
        return sequence(letters(exits[0].word), exits[0].then)
    writer = _Writer(grammar, exits, (), ends=False)
    return writer.rule(frozenset((n, 0) for n in range(len(exits))), held=True)


class _Writer:
    def __init__(self, grammar: Grammar, exits: Sequence[Exit], forbidden: Collection[str], *, ends: bool) -> None:
        self._grammar = grammar
        self._exits = exits
        leading = [out.word for out in exits]
        beginnings = {_beginning(word, leading) for word in forbidden if word not in leading}
        self._words = [*leading, *sorted(beginnings)]
        self._anywhere = [(n, 0) for n in range(len(self._words)) if n >= len(exits) or not exits[n].first]
        self._ends = ends
        self._rules: dict[_State, Rule] = {}
        self._waiting: list[_State] = []

    def rule(self, met: frozenset[tuple[int, int]], *, held: bool = False) -> Rule:
        start = self._rule(_State(met, held))
        while self._waiting:
            state = self._waiting.pop()
            self._grammar.define(self._rules[state], self._alternatives(state))
        return start

    def _rule(self, state: _State) -> Rule:
        if state not in self._rules:
            self._rules[state] = self._grammar.fresh("t")
            self._waiting.append(state)
        return self._rules[state]

    def _alternatives(self, state: _State) -> Expr:
        found: list[Expr] = [EMPTY] if self._ends and not state.held else []
        looked_for = sorted({self._words[n][at] for n, at in self._open(state)})
        following: dict[Expr, Intervals] = {}
        for char in looked_for:
            then = self._after(state, char)
            if then is not None:
                following[then] = following.get(then, Intervals(())) | Intervals.of(char)
        if not state.held:
            others = ANY - Intervals.of("".join(looked_for))
            if any(ord(char) > 0x7F for char in looked_for):
                others -= BEYOND_ASCII
            root = self._rule(_State(frozenset()))
            following[root] = following.get(root, Intervals(())) | others
        return choice([*found, *(sequence(Chars(points), then) for then, points in following.items())])

    def _open(self, state: _State) -> list[tuple[int, int]]:
        """The words that may go on, or begin."""
        return [*state.met, *([] if state.held else self._anywhere)]

    def _after(self, state: _State, char: str) -> Expr | None:
        """What follows a character that some word goes on with; None where it completes a forbidden one."""
        met = {(n, at + 1) for n, at in self._open(state) if self._words[n][at] == char}
        whole = [n for n, at in met if at == len(self._words[n])]
        for n in sorted(whole):
            if n < len(self._exits):
                return self._exits[n].then
        if whole:
            longest = max(len(self._words[n]) for n in whole)
            met = {(n, at) for n, at in met if n < len(self._exits) and at >= longest}
            return self._rule(_State(frozenset(met), held=True)) if met else None
        return self._rule(_State(frozenset(met), state.held))


def _beginning(word: str, exits: Sequence[str]) -> str:
    """The least of a forbidden word that tells it from any text and from the exits; all of it if need be."""
    for size in range(min(_DISTINCT, len(word)), len(word)):
        if not any(out.startswith(word[:size]) for out in exits):
            return word[:size]
    return word
