r"""A language of strings in, the grammar of its JSON strings out, quotes included.

``[a-z]+`` becomes ``"\"" r1`` with ``r1 ::= [a-z] r2`` and ``r2 ::= "\"" | [a-z] r2``: a rule for each state, so
that a loop stays inside one rule, and states that only lead on written in a row. What JSON writes raw is written
raw; quotes, backslashes and controls have the one escape of ``json.dumps``. Any string at all may be escaped in
every way."""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache

from .automaton import Automaton
from .intervals import ASCII, BEYOND_ASCII, Intervals
from .rules import EMPTY, NEVER, Chars, Expr, Grammar, Rule, Text, choice, letters, sequence

_QUOTE = Text('"')
_RAW = Intervals([(0x20, 0x7F)]) - Intervals.of('"\\')
_ESCAPED = ASCII - _RAW
_ESCAPES = {'"': '"', "\\": "\\", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_FEW_WORDS = 32  # so many are written one by one
_FEW_BEYOND = 32  # and so many characters beyond ASCII; of more, all are taken
_HEX = Chars(Intervals([(0x30, 0x39), (0x41, 0x46), (0x61, 0x66)]))


def any_string(grammar: Grammar) -> Rule:
    """Every JSON string that is valid Unicode; one rule for the whole grammar."""

    def body() -> Expr:
        rest = grammar.fresh("t")
        code = grammar.rule(_code_units(), "u")
        escapes = Chars(Intervals.of('bfnrt"/\\'))
        return grammar.define(
            rest,
            choice(
                [
                    _QUOTE,
                    sequence(Chars(_RAW | BEYOND_ASCII), rest),
                    sequence("\\", escapes, rest),
                    sequence("\\u", code, rest),
                ]
            ),
        )

    return grammar.shared("any string", lambda: sequence('"', body()), "string")


def _code_units() -> Expr:
    """What follows a backslash and u: four digits, or those of both halves of a surrogate pair."""
    d = Chars(Intervals.of("dD"))
    other = Chars(_HEX.points - d.points)
    low, high, second = (Chars(Intervals.of(digits)) for digits in ("01234567", "89abAB", "cdefCDEF"))
    return choice(
        [
            sequence(other, _HEX, _HEX, _HEX),
            sequence(d, low, _HEX, _HEX),
            sequence(d, high, _HEX, _HEX, "\\u", d, second, _HEX, _HEX),
        ]
    )


def spell(grammar: Grammar, automaton: Automaton) -> tuple[Expr, bool]:
    """The JSON strings of the language, and whether no others: classes of many, but not all, characters beyond
    ASCII have no portable spelling and become all of them."""
    if automaton.is_empty:
        return NEVER, True
    if automaton.is_universal:
        return any_string(grammar), True
    words = automaton.finite(_FEW_WORDS)
    if words is not None:
        return choice([letters(json.dumps(word, ensure_ascii=False)) for word in words]), True
    exact = all(_few_beyond(points) is not None for edges in automaton.edges for points, _ in edges)
    key = ("spelled", automaton)
    rule = grammar.shared(key, lambda: sequence('"', _Speller(grammar, automaton, _QUOTE).whole()), "s")
    return rule, exact


def spell_raw(grammar: Grammar, automaton: Automaton) -> Expr:
    """The strings of the language themselves, as numbers are written."""
    if automaton.is_empty:
        return NEVER
    words = automaton.finite(_FEW_WORDS)
    if words is not None:
        return choice([Text(word) for word in words])
    return grammar.shared(("raw", automaton), lambda: _Speller(grammar, automaton, EMPTY).whole(), "n")


class _Speller:
    """Writes the rules of one automaton. end: what follows its strings."""

    def __init__(self, grammar: Grammar, automaton: Automaton, end: Expr) -> None:
        self.grammar = grammar
        self.end = end
        self.edges, self.accepting = automaton.edges, automaton.accepting
        self.entries = Counter(to for edges in self.edges for _, to in edges)
        self.entries[0] += 1
        self.rules: dict[int, Rule] = {}
        self.waiting: list[int] = []
        self.escapes: dict[tuple[tuple[Expr, ...], Expr], Expr] = {}

    def whole(self) -> Expr:
        start = self.rest(0)
        while self.waiting:
            state = self.waiting.pop()
            self.grammar.define(self.rules[state], self.alternatives(state))
        return start

    def rest(self, state: int) -> Expr:
        """All that follows in a row, up to a state that has a rule."""
        row: list[Expr] = []
        while (character := self.leads_on(state)) is not None:
            row.append(character)
            state = self.edges[state][0][1]
        return sequence(*row, self.ending(state)) if row else self.ending(state)

    def leads_on(self, state: int) -> Expr | None:
        """The character that must follow, where it has one spelling and the state one way to it."""
        edges = self.edges[state]
        if state in self.accepting or len(edges) > 1 or self.entries[state] > 1:
            return None
        raw, escaped = _characters(edges[0][0])
        if len(raw) + len(escaped) > 1:
            return None
        return raw[0] if raw else escaped[0]

    def ending(self, state: int) -> Expr:
        if not self.edges[state]:
            return self.end
        if state not in self.rules:
            self.rules[state] = self.grammar.fresh()
            self.waiting.append(state)
        return self.rules[state]

    def alternatives(self, state: int) -> Expr:
        found: list[Expr] = [self.end] if state in self.accepting else []
        for points, to in self.edges[state]:
            raw, escaped = _characters(points)
            rest = self.rest(to)
            if len(raw) + len(escaped) > 1 and not isinstance(rest, Rule | Text):
                rest = self.grammar.rule(rest)
            found.extend(sequence(character, rest) for character in raw)
            if escaped:
                found.append(self.escape(escaped, rest))
        return choice(found)

    def escape(self, escaped: tuple[Expr, ...], rest: Expr) -> Expr:
        """These spellings, which begin alike; many states have the same."""
        key = (escaped, rest)
        if key not in self.escapes:
            self.escapes[key] = self.grammar.factored(choice([sequence(way, rest) for way in escaped]))
        return self.escapes[key]


@lru_cache(maxsize=4096)
def _few_beyond(points: Intervals) -> str | None:
    """The characters beyond ASCII to be written one by one: none where all are in; None where they are many."""
    beyond = points & BEYOND_ASCII
    if beyond == BEYOND_ASCII:
        return ""
    if beyond.size > _FEW_BEYOND:
        return None
    return "".join(chr(point) for a, b in beyond for point in range(a, b + 1))


@lru_cache(maxsize=4096)
def _characters(points: Intervals) -> tuple[tuple[Expr, ...], tuple[Expr, ...]]:
    """The spellings of one character out of these: the raw ones and the escapes."""
    few = _few_beyond(points)
    raw = points & _RAW
    if few is None or (not few and points & BEYOND_ASCII):
        raw |= BEYOND_ASCII
    found: list[Expr] = [Chars(raw)] if raw else []
    return (*found, *map(letters, few or "")), _escapes(points & _ESCAPED)


@lru_cache(maxsize=512)
def _escapes(points: Intervals) -> tuple[Expr, ...]:
    found = []
    short = "".join(letter for char, letter in _ESCAPES.items() if ord(char) in points)
    if short:
        found.append(sequence("\\", Chars(Intervals.of(short))))
    for high in range(2):
        digits = (
            f"{low:x}" for low in range(16) if (point := 16 * high + low) in points and chr(point) not in _ESCAPES
        )
        last = Intervals.of("".join(digits))
        if last:
            found.append(sequence(letters(f"\\u00{high}"), Chars(last)))
    return tuple(found)
