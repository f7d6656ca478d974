"""Regular expressions against Python's re on what both read alike, and against jsonschema-rs on the rest."""

from __future__ import annotations

import re

import jsonschema_rs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.grammar.regex import pattern
from proxy.grammar.regex_syntax import InvalidPattern

ATOMS = [
    "a",
    "b",
    "[ab]",
    "[^a]",
    ".",
    r"\w",
    r"\W",
    r"\d",
    r"\S",
    "-",
    "é",
    "[é-ü]",
    "^",
    r"\Z",
    "(?=a)",
    "(?!a)",
]
ATOMS += ["(?!.*b)", "(?=-+b)"]
COUNTS = ["*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}", "*?", "+?"]
REGEXES = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(COUNTS)).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    ),
    max_leaves=8,
)
TEXTS = st.lists(st.text("aab1 -_éü\n", max_size=6), min_size=20, max_size=20)


@given(REGEXES, TEXTS)
def test_it_finds_what_re_finds(source: str, texts: list[str]) -> None:
    """\\Z is Python's way to write ECMA's $, which allows no newline after it."""
    automaton, exact = pattern(source.replace(r"\Z", "$"))
    for text in texts:
        found = re.search(source, text, re.ASCII) is not None
        assert automaton.accepts(text) == found or (automaton.accepts(text) and not exact), (source, text)


@given(REGEXES, TEXTS)
def test_it_finds_what_the_checker_finds(source: str, texts: list[str]) -> None:
    source = source.replace(r"\Z", "$")
    assume("(?" not in source.replace("(?:", ""))  # where a pattern looks ahead the checker's \w is not ECMA's
    checker = jsonschema_rs.Draft202012Validator({"pattern": source})
    automaton, exact = pattern(source)
    assert exact
    assert [automaton.accepts(text) for text in texts] == [checker.is_valid(text) for text in texts]


@pytest.mark.parametrize(
    ("source", "yes", "no"),
    [
        ("", ["", "x"], []),
        ("^a|b$", ["ax", "xb"], ["xa", "bx"]),
        ("^$", [""], ["\n", "a"]),
        (r"^\d\w$", ["1a", "1_"], ["1é", "٣a"]),
        (r"^\s\S$", ["\ufeffa", "\u2028é"], ["\x85a", "  "]),
        ("^.$", ["💩", "é", '"', "\\"], ["\n", "", "ab"]),
        (r"^[\w.-]+\/$", ["a-b./"], ["a b/"]),
        (r"^\u00e9\x41\u{1F4A9}\ud83d\udca9\cA$", ["éA💩💩\x01"], ["eA"]),
        (r"^\p{Lu}\P{L}[\p{Nd}_]$", ["A1_", "AéÉ"], ["a1_", "AA_"]),
        ("^(?!@@)[\\w@]+$", ["@a", "a@@"], ["@@a", ""]),
        ("^(?!.*--)(?=.{3,5}$)[a-]+(?!b)[^b]*$", ["a-a", "-a-ac"], ["a--a", "aa", "aaaaaa", "a-b"]),
        ("^(a|b(?=c))+c$", ["abc", "aac"], ["", "c"]),
        ("(?i)^straße K$", ["STRASSE K".replace("SS", "ß"), "\u017ftraße \u212a"], ["straße x"]),
        ("^(?i:ab)c$", ["ABc", "abc"], ["abC"]),
        ("(?i)^[^a]$", ["b", "B"], ["a", "A"]),
        ("(?m)^b$", ["a\nb\nc", "b"], ["ab"]),
        ("(?s)^.$", ["\n"], [""]),
        (r"^(?P<q>['x])a\k<q>\1$", ["'a''", "xaxx"], ["a", "'b"]),
        (r"\bfoo\b", ["a foo", "foo-"], ["afoo", "foo1"]),
        (r"o\Bo", ["foo"], ["o o"]),
        (r"\Aa\z", ["a"], ["ba", "a\n"]),
        ("^a{x}{,3}$", ["a{x}{,3}"], ["a"]),
        (r"^[\]\-\b-]$", ["]", "-", "\b"], ["b"]),
    ],
)
def test_what_ecma_says(source: str, yes: list[str], no: list[str]) -> None:
    automaton, _ = pattern(source)
    assert [text for text in yes if not automaton.accepts(text)] == []
    assert [text for text in no if automaton.accepts(text)] == []


@pytest.mark.parametrize(
    ("source", "exact"),
    [
        ("^[a-z]{2,40}$", True),
        ("^(?!x)(?=.{3})y?", True),
        ("^(a(?!b))+$", False),
        (r"(a)\1", False),
        (r"\p{L}", False),
        (r"\bé", False),
        ("^((.{1,90}x){1,90}y){9}$", False),
    ],
)
def test_it_says_what_it_could_not_say(source: str, exact: bool) -> None:
    assert pattern(source)[1] is exact


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("(a", "parenthesis is not closed"),
        ("a)", "closed that was not opened"),
        ("*a", "nothing to repeat"),
        ("a**", "nothing to repeat"),
        ("a{1}{2}", "nothing to repeat"),
        ("a{2,1}", "out of order"),
        ("a{1,9999999999}", "too large"),
        ("[a", "class is not closed"),
        ("[]", "class is empty"),
        ("[z-a]", "out of order"),
        (r"[\w-a]", "range begins or ends with a class"),
        ("a\\", "escape"),
        (r"\q", "escape"),
        (r"\Z", "escape"),
        (r"\2(a)", "no group 2"),
        (r"\k<n>", "no group n"),
        ("(?<n>a)(?<n>b)", "two groups n"),
        ("(?<=a)b", "look-behind"),
        ("(?<!a)b", "look-behind"),
        ("(?=a)*", "look-ahead cannot be repeated"),
        ("(?>a)", "no known kind of group"),
        (r"\p{Nothing=Else}", "no Unicode property"),
        ("(" * 100 + ")" * 100, "nested"),
        ("a" * 20_000, "at most 10000"),
    ],
)
def test_what_is_no_pattern_is_refused(source: str, problem: str) -> None:
    with pytest.raises(InvalidPattern, match=problem):
        pattern(source)
