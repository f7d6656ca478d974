"""The encoding of stop words, and finding them in an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stop_words import StopWatch, read_stop_words

from tests.model_repository.client import stop_words

_TOKENS = st.integers(0, 3)
_WORDS = st.lists(st.lists(_TOKENS, min_size=1, max_size=3).map(tuple), max_size=4)


def test_the_example_of_the_contract() -> None:
    assert read_stop_words([[5, 6, 9], [2, 3, -1]]) == ((5, 6), (9,))


@given(_WORDS)
def test_what_a_client_encodes_is_read_back(words: list[tuple[int, ...]]) -> None:
    assert read_stop_words(stop_words(*words)[0].tolist()) == tuple(words)


@pytest.mark.parametrize(
    ("ends", "message"),
    [([2, 2, -1], "more than 2"), ([2, 1, -1], "more than 2"), ([0, 1, 2], "more than 0"),
     ([4, -1, -1], "at most 3"), ([1, -1, 3], "after a -1"), ([-2, -1, -1], "more than 0")],
)  # fmt: skip
def test_ends_that_make_no_sense_are_refused(ends: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_stop_words([[5, 6, 9], ends])


@given(_WORDS, st.lists(_TOKENS, max_size=20))
def test_a_stop_word_is_seen_exactly_where_the_answer_ends_in_it(
    words: list[tuple[int, ...]], answer: list[int]
) -> None:
    watch = StopWatch(words)
    for end in range(1, len(answer) + 1):
        seen = tuple(answer[:end])
        assert watch.feed(answer[end - 1]) == any(seen[-len(word) :] == word for word in words)
