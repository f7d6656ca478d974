"""What is asked of strings together, as llguidance reads the grammar, against the checker."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.maskbench.reader import Reader
from proxy.grammar.automaton import Automaton
from proxy.grammar.budget import Budget
from proxy.grammar.facets import Strings
from proxy.grammar.rules import NEVER, Grammar
from proxy.grammar.strings import language, write

PATTERNS = ["^[a-c]*$", "b", "^.{2,5}$", "^[^b]+", "c$", "^(ab|c){1,90}$"]
SETS = st.frozensets(st.sampled_from(PATTERNS), max_size=2)
TEXTS = st.lists(st.text("abcé1", max_size=6), min_size=1, max_size=20)
STRINGS = st.builds(
    Strings,
    st.integers(0, 4),
    st.none() | st.integers(0, 6) | st.just(500),
    SETS,
    st.frozensets(st.sampled_from(PATTERNS), max_size=1),
    st.frozensets(st.sampled_from(["date", "uri-reference", "unheard"]), max_size=1),
    st.frozensets(st.text("abc", max_size=2), max_size=2),
)


def checker(strings: Strings) -> jsonschema_rs.Draft202012Validator:
    asked: list[object] = [{}, *({"pattern": source} for source in strings.patterns)]
    asked += [{"not": {"pattern": source}} for source in strings.refused]
    asked += [{"format": name} for name in strings.formats]
    schema = {"minLength": strings.low, "not": {"enum": [*strings.excluded]}, "allOf": asked}
    if strings.high is not None:
        schema["maxLength"] = strings.high
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


@settings(max_examples=60, deadline=None)
@given(STRINGS, st.sampled_from([0, 5, 48]), TEXTS)
def test_what_is_asked_together_is_kept_or_named(strings: Strings, broad: int, texts: list[str]) -> None:
    grammar = Grammar()
    expr, unsaid = write(grammar, strings, Budget(broad))
    judge = checker(strings)
    reader = None if expr == NEVER else Reader(grammar.text(expr))
    for text in ["", "ab", "2024-02-29", *texts]:
        taken = reader is not None and reader.accepts(json.dumps(text, ensure_ascii=False))
        assert taken == judge.is_valid(text) or (taken and unsaid), text


@settings(max_examples=60, deadline=None)
@given(STRINGS, TEXTS)
def test_the_language_of_strings_is_theirs(strings: Strings, texts: list[str]) -> None:
    automaton, exact = language(strings)
    judge = checker(strings)
    for text in texts:
        assert automaton.accepts(text) == judge.is_valid(text) or (automaton.accepts(text) and not exact), text


@pytest.mark.parametrize(
    ("strings", "unsaid"),
    [
        (Strings(), set()),
        (Strings(low=1), set()),
        (Strings(low=2, high=20), set()),
        (Strings(high=90), {"maxLength"}),
        (Strings(high=100_000), {"maxLength"}),
        (Strings(low=100_000), {"minLength"}),
        (Strings(patterns=frozenset(["^[0-9]*$"]), high=90), set()),
        (Strings(patterns=frozenset([r"\p{L}"])), {"pattern"}),
        (Strings(patterns=frozenset([r"^\S*$"])), {"pattern"}),
        (Strings(refused=frozenset([r"(a)\1"])), {"not"}),
        (Strings(formats=frozenset(["email"])), {"format"}),
        (Strings(formats=frozenset(["unheard"])), set()),
        (Strings(excluded=frozenset(["ab", "cd"])), set()),
    ],
)
def test_what_is_left_to_the_check_is_named(strings: Strings, unsaid: set[str]) -> None:
    assert write(Grammar(), strings, Budget())[1] == unsaid


def test_what_costs_too_much_is_made_coarser() -> None:
    grammar = Grammar()
    expr, unsaid = write(grammar, Strings(patterns=frozenset(["^[A-Za-z]{1,400}$"])), Budget())
    reader = Reader(grammar.text(expr))
    assert unsaid == {"pattern"}
    assert [reader.accepts(json.dumps(text)) for text in ("a", "a" * 500, "", "a1")] == [True, True, False, False]


def test_what_one_string_takes_another_has_not() -> None:
    budget = Budget(30)
    assert write(Grammar(), Strings(high=25), budget)[1] == set()
    assert write(Grammar(), Strings(high=24), budget)[1] == {"maxLength"}
    assert write(Grammar(), Strings(), budget)[1] == set()


def test_strings_that_cannot_be_are_never() -> None:
    assert write(Grammar(), Strings(3, 2), Budget())[0] == NEVER
    assert language(Strings(patterns=frozenset(["^a$"]), excluded=frozenset(["a"])))[0] == Automaton.NOTHING
