"""The grammar of a language of strings, as llguidance reads it: what it takes is what json.dumps writes of
them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.maskbench.reader import Reader
from proxy.grammar.automaton import Automaton
from proxy.grammar.regex import pattern
from proxy.grammar.rules import NEVER, Grammar
from proxy.grammar.spelling import spell

TEXTS = st.lists(st.text(), min_size=1, max_size=20)


def grammar_of(automaton: Automaton) -> str:
    grammar = Grammar()
    return grammar.text(spell(grammar, automaton)[0])


def written(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@pytest.mark.parametrize(
    "source",
    [
        "^[a-z]+$",
        "",
        "^.*$",
        '^["\\\\\\x00-\\x20]*$',
        "^\\s*é?x$",
        "^[^a]{0,3}$",
        "^(\\{\\n\\}|\\t)*$",
        "^(?!abc$|abd$).*$",
        "^\\d{4}-\\d\\d$",
        "^/(\\w+/)*$",
        "^.{2,4}$",
    ],
)
@settings(max_examples=20, deadline=None)
@given(texts=TEXTS)
def test_what_the_automaton_accepts_is_what_the_grammar_accepts(source: str, texts: list[str]) -> None:
    automaton, _ = pattern(source)
    reader = Reader(grammar_of(automaton))
    for text in [
        "",
        "a",
        "abc",
        "abcd",
        'x"\\',
        "/a/b_/",
        "2024-01",
        "\n\t {\n}",
        "  éx",
        "\x1f\x00",
        "\x7f",
        *texts,
    ]:
        assert reader.accepts(written(text)) == automaton.accepts(text), text


@pytest.mark.parametrize("text", ['"\\u0041\\/\\n"', '"\\ud83d\\uDE00"', '"💩\x7f"', '"\\u2028\\b"'])
def test_any_string_may_be_escaped_in_any_way(text: str) -> None:
    assert Reader(grammar_of(Automaton.EVERYTHING)).accepts(text)


@pytest.mark.parametrize("text", ['"\\ud83d"', '"\\ude00"', '"\\x41"', '"\n"', '"', '"\\ud83d\\u0041"', '"\\u00"'])
def test_no_string_is_half_a_character_or_holds_a_control(text: str) -> None:
    assert not Reader(grammar_of(Automaton.EVERYTHING)).accepts(text)


def test_few_words_are_written_one_by_one() -> None:
    line = r"root ::= [\x22] ([a] [\x5c] [n] [\x22] | [b] [\x5c] [\x22] [\x22])"
    assert grammar_of(Automaton.words(["a\n", 'b"'])) == line + "\n"


def test_states_that_only_lead_on_are_written_in_a_row() -> None:
    lines = ["root ::= s0", r's0 ::= "\"" [0-9] [0-9] [\x2d] [a] "\""']
    assert grammar_of(pattern("^[0-9]{2}-a$")[0]).splitlines() == lines


def test_a_loop_stays_inside_one_rule() -> None:
    assert grammar_of(pattern("^[a-z]+$")[0]).splitlines() == [
        "root ::= s0",
        's0 ::= "\\"" [a-z] r1',
        'r1 ::= "\\"" | [a-z] r1',
    ]


def test_the_same_language_is_the_same_rule() -> None:
    grammar = Grammar()
    assert spell(grammar, pattern("^a+$")[0]) == spell(grammar, pattern("^aa*$")[0])


def test_no_string_is_never() -> None:
    assert spell(Grammar(), Automaton.NOTHING) == (NEVER, True)


@pytest.mark.parametrize(
    ("source", "exact"), [("^[éü]*$", True), ("^[^a]*$", True), ("^\\S*$", False), ("^\\s*$", True)]
)
def test_classes_of_many_characters_beyond_ascii_are_not_exact(source: str, exact: bool) -> None:
    automaton, _ = pattern(source)
    grammar = Grammar()
    expr, said = spell(grammar, automaton)
    reader = Reader(grammar.text(expr))
    assert said is exact
    assert all(reader.accepts(written(text)) for text in ["", "é", "\u2003", "zß"] if automaton.accepts(text))
