"""Alternatives with a common beginning: the same language, and no two of them begin alike."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.maskbench.reader import Reader
from proxy.grammar.expressions import Choice, Expr, Repeat, Sequence, Text, choice, letters, sequence
from proxy.grammar.rules import Grammar

WORDS = st.lists(st.text("abc", max_size=6), min_size=1, max_size=8, unique=True)


def choices(expr: Expr) -> Iterator[Choice]:
    if isinstance(expr, Choice):
        yield expr
    for part in expr.parts if isinstance(expr, Choice | Sequence) else ():
        yield from choices(part)
    if isinstance(expr, Repeat):
        yield from choices(expr.body)


def first(expr: Expr) -> str:
    begin = expr.parts[0] if isinstance(expr, Sequence) else expr
    if isinstance(begin, Text):
        return begin.text[:1]
    return str(begin)


@settings(max_examples=200, deadline=None)
@given(WORDS, st.booleans())
def test_words_stay_what_they_are_and_branch_at_the_start(words: list[str], spelled: bool) -> None:
    write = letters if spelled else Text
    grammar = Grammar()
    bodies = grammar._reachable(choice([sequence(write(word), "$") for word in words]))
    for body in bodies.values():
        for found in choices(body):
            begins = [first(part) for part in found.parts]
            assert len(set(begins)) == len(begins)
    reader = Reader(grammar.text(choice([sequence(write(word), "$") for word in words])), exactly=True)
    assert all(reader.accepts(word + "$") for word in words)
    others = {word[:at] + word[at + 1 :] for word in words for at in range(len(word))} - set(words)
    assert not any(reader.accepts(word + "$") for word in others)


def test_what_goes_deep_gets_rules_of_its_own() -> None:
    ebnf = Grammar().text(choice([Text("a" * count + "$") for count in range(40)]))
    assert max(line.count("(") for line in ebnf.splitlines()) < 10
    reader = Reader(ebnf, exactly=True)
    assert reader.accepts("a" * 39 + "$")
    assert not reader.accepts("a" * 40 + "$")
