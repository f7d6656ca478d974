"""The languages of formats against the checker: on strings along an automaton's edges, and on those beside
them."""

from __future__ import annotations

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.grammar.automaton import Automaton
from proxy.grammar.formats import format_automaton

EXACT = ["date", "time", "date-time", "duration", "uuid", "ipv4", "ipv6", "json-pointer", "uri", "uri-reference"]
WIDER = ["hostname", "email"]


def language(name: str) -> Automaton:
    known = format_automaton(name)
    assert known is not None
    return known[0]


def checker(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True)


def walked(automaton: Automaton, choices: list[int]) -> str:
    """The string that these choices lead to, ended where it may end. Of a class the first and the last character
    and those in the middle of its ranges are chosen."""
    state, text, ended = 0, "", ""
    for choice in choices:
        if not automaton.edges[state]:
            break
        points, state = automaton.edges[state][choice % len(automaton.edges[state])]
        picks = [point for a, b in points for point in (a, (a + b) // 2, b)]
        text += chr(picks[choice // 7 % len(picks)])
        if state in automaton.accepting:
            ended = text
    return ended


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=150, deadline=None)
@given(choices=st.lists(st.integers(0, 10_000), max_size=60), place=st.integers(0, 60), char=st.text(max_size=1))
def test_an_exact_format_is_that_of_the_checker(name: str, choices: list[int], place: int, char: str) -> None:
    automaton, judge = language(name), checker(name)
    text = walked(automaton, choices)
    assert judge.is_valid(text) == automaton.accepts(text)
    for changed in (text[:place] + char + text[place:], text[:place] + char + text[place + 1 :], text[place:]):
        # The checker takes a slash for a digit of a year, and knows leap seconds in every time zone.
        if ":60" not in changed and not (name.startswith("date") and "/" in changed):
            assert judge.is_valid(changed) == automaton.accepts(changed), changed


@pytest.mark.parametrize("name", WIDER)
@settings(max_examples=150, deadline=None)
@given(choices=st.lists(st.integers(0, 10_000), max_size=40), place=st.integers(0, 40), char=st.text(max_size=1))
def test_what_the_checker_takes_of_a_wider_format_is_in_it(
    name: str, choices: list[int], place: int, char: str
) -> None:
    automaton, judge = language(name), checker(name)
    text = walked(automaton, choices)
    for changed in (text, text[:place] + char + text[place:], text[:place] + char + text[place + 1 :]):
        assert automaton.accepts(changed) or not judge.is_valid(changed), changed


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [
        (
            "date",
            ["2024-02-29", "2000-02-29", "1999-12-31"],
            ["2023-02-29", "1900-02-29", "2024-04-31", "2024-1-01"],
        ),
        ("time", ["23:59:60Z", "12:00:00.5+01:00", "00:00:00z"], ["24:00:00Z", "12:00:00", "12:00:60Z", "12:00Z"]),
        ("date-time", ["2024-02-29t12:00:00-23:59"], ["2024-02-29 12:00:00Z", "2023-02-29T12:00:00Z"]),
        ("duration", ["P1Y2M3DT4H5M6S", "P3W", "PT36H"], ["P", "PT", "P1YT", "P1D2H", "P1W2D", "PT1.5S"]),
        ("ipv4", ["0.0.0.0", "255.249.199.99"], ["256.0.0.0", "01.2.3.4", "1.2.3"]),
        ("ipv6", ["::", "1::", "::1.2.3.4", "1:2:3:4:5:6:7::"], ["1::2::3", "12345::", ":::", "1:2:3:4:5:6:7"]),
        ("hostname", ["a-b.c", "xn--nxasmq6b"], ["-a", "a-", "a..b", "a_b", ""]),
        ("email", ["a.b+c@d.e", '"a b"@c', "a@[127.0.0.1]"], [".a@b", "a..b@c", "a@-b", "a b@c", "a@", "é@b"]),
        (
            "uri",
            ["http://u:p@h:80/p?q#f", "a:", "urn:x:y", "http://[::1]/"],
            ["//a", "http://[1]", "a b:", "a:%zz"],
        ),
        ("uri-reference", ["", "//h/p", "a/b:c", "#f"], ["a b", ":", "1a:b", "\\", "#a#b"]),
        ("json-pointer", ["", "/", "/a~0~1/é"], ["a", "/~", "/~2"]),
    ],
)
def test_what_a_format_takes(name: str, yes: list[str], no: list[str]) -> None:
    automaton, judge = language(name), checker(name)
    assert [text for text in yes if not automaton.accepts(text) or not judge.is_valid(text)] == []
    assert [text for text in no if automaton.accepts(text) or judge.is_valid(text)] == []


def test_formats_are_known_checked_or_ignored() -> None:
    assert [name for name in EXACT + WIDER if (format_automaton(name) or (None, None))[1]] == EXACT
    assert format_automaton("iri") == (Automaton.EVERYTHING, False)
    assert format_automaton("semver") is None


@pytest.mark.parametrize("name", EXACT + WIDER)
def test_no_format_costs_an_engine_much(name: str) -> None:
    assert language(name).broad <= 24
