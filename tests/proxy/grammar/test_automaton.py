"""Automata against brute force: every operation, asked about every short string over three letters."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.grammar.automaton import Automaton, TooManyStates
from proxy.grammar.coarse import coarse
from proxy.grammar.regex import pattern

SHORT = ["".join(letters) for length in range(5) for letters in product("abé", repeat=length)]
WORDS = st.frozensets(st.sampled_from(SHORT), max_size=8)
PATTERNS = st.sampled_from(["^a", "b$", "a.b", "^(ab?)*$", "é", "^.{2,3}$", "^[^a]*$", "(?:)"])


def accepted(automaton: Automaton) -> set[str]:
    return {text for text in SHORT if automaton.accepts(text)}


@given(WORDS)
def test_words_are_exactly_the_words(words: frozenset[str]) -> None:
    automaton = Automaton.words(words)
    assert accepted(automaton) == words
    assert automaton.finite(8) == sorted(words)
    assert automaton.is_empty == (not words)


@given(PATTERNS, PATTERNS, WORDS)
def test_operations_are_those_of_sets(first: str, second: str, words: frozenset[str]) -> None:
    a, b, c = pattern(first)[0], pattern(second)[0], Automaton.words(words)
    every = set(SHORT)
    assert accepted(a & b) == accepted(a) & accepted(b)
    assert accepted(a | c) == accepted(a) | words
    assert accepted(a - c) == accepted(a) - words
    assert accepted(~b) == every - accepted(b)


@given(PATTERNS, PATTERNS, WORDS)
def test_equal_languages_are_equal_automata(first: str, second: str, words: frozenset[str]) -> None:
    a, b, c = pattern(first)[0], pattern(second)[0], Automaton.words(words)
    assert ~(a & b) == ~a | ~b
    assert (a | c) - c == a - c
    assert ~~a == a
    assert (a & ~a) == Automaton.NOTHING
    assert (a | ~a).is_universal


@given(st.integers(0, 4), st.one_of(st.none(), st.integers(0, 4)))
def test_lengths_count_characters(low: int, high: int | None) -> None:
    limit = 99 if high is None else high
    assert accepted(Automaton.lengths(low, high)) == {text for text in SHORT if low <= len(text) <= limit}


def test_an_infinite_language_has_no_list_of_words() -> None:
    assert Automaton.EVERYTHING.finite(10) is None
    assert pattern("^ab*$")[0].finite(10) is None
    assert pattern("^[ab]{3}$")[0].finite(7) is None


def test_only_states_that_many_tokens_fit_are_broad() -> None:
    assert pattern("^[0-9]{8}-yes$")[0].broad == 0
    assert pattern("^[A-Za-z]{8}$")[0].broad == 2
    assert pattern("^[ -~]{8}$")[0].broad == 8
    assert Automaton.EVERYTHING.broad == 1


def test_what_grows_too_large_is_refused() -> None:
    with pytest.raises(TooManyStates):
        Automaton.lengths(0, 10_000)
    half = pattern("^(.{37})*$")[0]
    with pytest.raises(TooManyStates):
        half & pattern("^(.{41})*$")[0]


@given(PATTERNS, PATTERNS, st.integers(0, 4))
def test_a_coarse_automaton_takes_all_that_the_fine_one_takes(first: str, second: str, depth: int) -> None:
    fine = pattern(first)[0] & pattern(second)[0]
    found = coarse(fine, depth)
    assert (fine - found).is_empty
    assert len(found.edges) <= len(fine.edges) + 2


@pytest.mark.parametrize(
    ("fine", "wide"), [("^[a-z]{1,255}$", "^[a-z]+$"), ("^.{0,90}$", "^.*$"), ("^a([0-9]x){50}$", "^a([0-9]x)+$")]
)
def test_a_coarse_automaton_does_not_count(fine: str, wide: str) -> None:
    assert coarse(pattern(fine)[0], 1) == pattern(wide)[0]
