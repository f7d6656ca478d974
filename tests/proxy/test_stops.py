from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.stops import StopCutter, StopStrings

LETTERS = "abé<"
texts = st.text(LETTERS, max_size=40)
stop_lists = st.lists(st.text(LETTERS, min_size=1, max_size=5), min_size=1, max_size=4)
pieces = st.lists(st.text(LETTERS, max_size=6), max_size=12)


def plainly_cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The rule word by word: the stop that is complete first, and of those the longest."""
    for end in range(1, len(text) + 1):
        complete = [stop for stop in stops if text[:end].endswith(stop)]
        if complete:
            return text[: end - len(max(complete, key=len))], True
    return text, False


def cut(parts: Iterable[str], stops: Sequence[str]) -> tuple[str, bool]:
    cutter = StopCutter(StopStrings(stops))
    shown = ""
    for part in parts:
        shown += cutter.feed(part)
        if cutter.hit:
            return shown, True
    return shown + cutter.finish(), False


@given(pieces, stop_lists)
@example(["a", "a", "b"], ["aab", "ab", "b"])
@example(["ab", "ab", "<"], ["abab<", "ba"])
def test_any_text_in_any_pieces_is_cut_as_the_rule_says(parts: list[str], stops: list[str]) -> None:
    assert cut(parts, stops) == plainly_cut("".join(parts), stops)


@given(pieces, stop_lists)
def test_what_is_held_back_is_the_longest_end_that_may_become_a_stop_and_no_more(
    parts: list[str], stops: list[str]
) -> None:
    cutter = StopCutter(StopStrings(stops))
    text = shown = ""
    for part in parts:
        text += part
        shown += cutter.feed(part)
        if cutter.hit:
            return
        beginnings = {stop[:length] for stop in stops for length in range(len(stop))}
        held = max((head for head in beginnings if text.endswith(head)), key=len)
        assert text == shown + held


@given(texts)
def test_without_stops_all_text_is_shown_at_once(text: str) -> None:
    cutter = StopCutter(StopStrings([]))
    assert cutter.feed(text) == text
    assert cutter.finish() == ""


@pytest.mark.parametrize(
    ("text", "stops"),
    [
        ("The end is near. END of it", ["END", "ENDLESS", "near. E"]),
        ("यह समाप्त होता है", ["समाप्त", "प्तX"]),
        ("a👨‍👩‍👧b👨‍👩", ["👩‍👧", "👨‍👩‍👦"]),
        ("aaaaaaaab", ["aaab"]),
        ("no stop in here at al", ["all"]),
        ("\n\nUser:", ["\nUser:", "\n\nUser: "]),
    ],
)
def test_a_text_cut_at_every_two_places_gives_the_same(text: str, stops: list[str]) -> None:
    for first, second in itertools.combinations_with_replacement(range(len(text) + 1), 2):
        assert cut([text[:first], text[first:second], text[second:]], stops) == plainly_cut(text, stops)


def test_a_stop_never_shows_not_even_partly() -> None:
    cutter = StopCutter(StopStrings(["<stop>"]))
    assert [cutter.feed(char) for char in "ok<stop>"] == ["o", "k", "", "", "", "", "", ""]
    assert cutter.hit


def test_a_beginning_that_came_to_nothing_is_shown_at_the_end() -> None:
    cutter = StopCutter(StopStrings(["<stop>"]))
    assert cutter.feed("ok<sto") == "ok"
    assert cutter.finish() == "<sto"
    assert cutter.finish() == ""


def test_samples_share_their_stop_strings_but_not_their_state() -> None:
    stops = StopStrings(["ab"])
    first, second = StopCutter(stops), StopCutter(stops)
    assert first.feed("a") == ""
    assert second.feed("b") == "b"
    assert not second.hit


def test_the_work_for_a_character_does_not_grow_with_the_text() -> None:
    stops = StopStrings(["a" * 1000 + "b"])
    looked_at = 0

    class Counted(dict[str, int]):
        def get(self, key: str, default: int = 0) -> int:  # type: ignore[override]
            nonlocal looked_at
            looked_at += 1
            return super().get(key, default)

    stops.trie = [Counted(edges) for edges in stops.trie]
    cutter = StopCutter(stops)
    for _ in range(5000):
        cutter.feed("a")
    assert looked_at <= 5000
