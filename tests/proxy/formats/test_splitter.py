from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.formats.splitter import Markers, Splitter

texts = st.text("ab<>", max_size=30)
markers = st.lists(st.text("ab<>", min_size=1, max_size=4), max_size=3)


def first(text: str, strings: list[str]) -> tuple[str, str, str] | None:
    """The marker that is complete first, the longest of them, with what stands before and behind it."""
    for end in range(len(text) + 1):
        complete = [string for string in strings if text[:end].endswith(string)]
        if complete:
            longest = max(complete, key=len)
            return text[: end - len(longest)], longest, text[end:]
    return None


def split(pieces: list[str], strings: list[str]) -> list[str]:
    """Texts and markers in turn."""
    splitter, parts = Splitter(Markers(strings)), [""]
    for piece in pieces:
        start = 0
        while start < len(piece):
            cut = splitter.feed(piece, start)
            assert cut.end > start
            parts[-1] += cut.text
            if cut.marker:
                parts += [cut.marker, ""]
            start = cut.end
    parts[-1] += splitter.finish()
    return parts


@given(text=texts, strings=markers)
def test_it_cuts_as_looking_at_all_of_it_does(text: str, strings: list[str]) -> None:
    parts: list[str] = []
    rest = text
    while found := first(rest, strings):
        parts += found[:2]
        rest = found[2]
    assert split([text], strings) == [*parts, rest]


@given(pieces=st.lists(texts, max_size=6), strings=markers)
def test_wherever_the_text_is_split(pieces: list[str], strings: list[str]) -> None:
    assert split(pieces, strings) == split(["".join(pieces)], strings)


def test_only_a_beginning_of_a_marker_is_held_back() -> None:
    splitter = Splitter(Markers(["<tool_call>"]))
    assert splitter.feed("a <b <to") == ("a <b ", "", 8)
    assert splitter.held == "<to"
    assert splitter.feed("p<tool_call>x", 0) == ("<top", "<tool_call>", 12)
    assert splitter.held == ""


def test_what_a_long_marker_holds_is_kept_once() -> None:
    markers = Markers(["a" * 1000 + "b"])
    splitter = Splitter(markers)
    assert splitter.feed("a" * 5000).text == "a" * 4000
    assert splitter.finish() == "a" * 1000
    assert splitter.finish() == ""
