from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.choice import Choice
from proxy.errors import EngineFailed
from proxy.events import Content, Done, LogProb
from proxy.formats.plain import PlainParser
from proxy.generation import FinishReason, Tokens
from proxy.prompt.tokenizer import Tokenizer
from proxy.stops import StopStrings
from tests.proxy.byte_model import END_OF_TEXT

answers = st.lists(
    st.sampled_from([*"abc", "é", "न", "👍"]).map(str.encode) | st.sampled_from([b"\xe0\xa4", b"\xff"]),
    max_size=20,
).map(b"".join)
stop_lists = st.lists(st.text("abcé👍", min_size=1, max_size=3), max_size=3)
groupings = st.lists(st.integers(0, 5), max_size=30)


class Answer(NamedTuple):
    """What one sample came to."""

    text: str
    log_probs: list[LogProb]
    finish: str
    tokens: int


def responses(ids: Sequence[int], groups: Sequence[int], finish: FinishReason) -> list[Tokens]:
    """The ids in responses of so many each, an empty one among them where a group is 0; the rest in the last."""
    parts, start = [], 0
    for size in groups:
        parts.append(Tokens(ids[start : start + size], _log_probs(start, len(ids[start : start + size]))))
        start = min(len(ids), start + size)
    return [*parts, Tokens(ids[start:], _log_probs(start, len(ids) - start), finish)]


def _log_probs(start: int, count: int) -> list[float]:
    """A value of its own for each token."""
    return [-float(place) for place in range(start, start + count)]


def play(tokenizer: Tokenizer, stops: Sequence[str], parts: Sequence[Tokens], *, log_probs: bool = True) -> Answer:
    choice = Choice(tokenizer, StopStrings(stops), PlainParser(), log_probs=log_probs)
    events = []
    for part in parts:
        events += choice.feed(part)
        assert choice.done == bool(events and isinstance(events[-1], Done))
        if choice.done:
            break
    done = events.pop()
    assert isinstance(done, Done)
    pieces = [event for event in events if isinstance(event, Content)]
    assert len(pieces) == len(events)
    entries = [entry for piece in pieces for entry in piece.log_probs]
    return Answer("".join(piece.text for piece in pieces), entries, done.finish, choice.tokens)


@given(data=answers, stops=stop_lists, groups=groupings, finish=st.sampled_from(["stop", "length"]))
@settings(deadline=None)
def test_any_grouping_of_tokens_into_responses_gives_the_same_answer(
    data: bytes, stops: list[str], groups: list[int], finish: FinishReason, byte_tokenizer: Tokenizer
) -> None:
    whole = play(byte_tokenizer, stops, responses(data, [], finish))
    assert play(byte_tokenizer, stops, responses(data, groups, finish)) == whole


@given(data=answers, stops=stop_lists, groups=groupings)
@settings(deadline=None)
def test_a_token_has_its_log_prob_if_its_text_begins_before_the_cut(
    data: bytes, stops: list[str], groups: list[int], byte_tokenizer: Tokenizer
) -> None:
    answer = play(byte_tokenizer, stops, responses(data, groups, "length"))
    cut = answer.finish == "stop"
    starts = [len(data[:place].decode("utf-8", "ignore")) for place in range(len(data))]
    shown = [place for place in range(answer.tokens) if not cut or starts[place] < len(answer.text)]
    assert [entry.value for entry in answer.log_probs] == [-float(place) for place in shown]
    assert [entry.data for entry in answer.log_probs] == [data[place : place + 1] for place in shown]


@given(data=answers, stops=stop_lists, groups=groupings)
@settings(deadline=None)
def test_log_probs_do_not_change_the_text(
    data: bytes, stops: list[str], groups: list[int], byte_tokenizer: Tokenizer
) -> None:
    parts = responses(data, groups, "length")
    plain = play(byte_tokenizer, stops, parts, log_probs=False)
    assert plain == play(byte_tokenizer, stops, parts)._replace(log_probs=[])


def test_the_tokens_up_to_the_one_that_completes_a_stop_are_counted(byte_tokenizer: Tokenizer) -> None:
    answer = play(byte_tokenizer, ["END"], responses(b"okENDmore", [], "length"))
    assert answer[0::2] == ("ok", "stop")
    assert answer.tokens == 5


def test_a_control_token_is_counted_and_has_a_log_prob_but_no_text(byte_tokenizer: Tokenizer) -> None:
    answer = play(byte_tokenizer, [], responses([97, END_OF_TEXT, 98], [1, 1], "length"))
    assert (answer.text, answer.tokens) == ("ab", 3)
    assert [entry.token for entry in answer.log_probs] == ["a", "<|endoftext|>", "b"]


def test_parts_of_a_character_are_shown_as_bytes_with_the_character(byte_tokenizer: Tokenizer) -> None:
    choice = Choice(byte_tokenizer, StopStrings([]), PlainParser(), log_probs=True)
    assert choice.feed(Tokens([0xC3], [-1.0])) == []
    (event,) = choice.feed(Tokens([0xA9], [-2.0]))
    expected = (LogProb("bytes:\\xc3", b"\xc3", -1.0), LogProb("bytes:\\xa9", b"\xa9", -2.0))
    assert event == Content("é", expected)


def test_the_most_likely_tokens_are_written_as_the_chosen_one_is(byte_tokenizer: Tokenizer) -> None:
    choice = Choice(byte_tokenizer, StopStrings([]), PlainParser(), log_probs=True)
    top = ((END_OF_TEXT, -0.5), (0xC3, -1.5), (97, -2.0))
    (event,) = choice.feed(Tokens([97], [-2.0], top_log_probs=[top]))
    assert isinstance(event, Content)
    (entry,) = event.log_probs
    assert entry.top == (
        LogProb("<|endoftext|>", b"<|endoftext|>", -0.5),
        LogProb("bytes:\\xc3", b"\xc3", -1.5),
        LogProb("a", b"a", -2.0),
    )


def test_an_answer_that_ends_within_a_possible_stop_shows_it(byte_tokenizer: Tokenizer) -> None:
    answer = play(byte_tokenizer, ["END"], responses(b"the EN", [6], "stop"))
    assert answer.text == "the EN"
    assert len(answer.log_probs) == 6


def test_an_empty_answer_is_one_done(byte_tokenizer: Tokenizer) -> None:
    assert play(byte_tokenizer, [], [Tokens((), (), "stop")]) == Answer("", [], "stop", 0)


def test_the_reused_blocks_are_those_that_were_told_last(byte_tokenizer: Tokenizer) -> None:
    choice = Choice(byte_tokenizer, StopStrings([]), PlainParser(), log_probs=False)
    for tokens in (Tokens([97], cached_blocks=3), Tokens([97]), Tokens([], finish="stop")):
        choice.feed(tokens)
    assert choice.cached_blocks == 3


def test_an_id_outside_the_vocabulary_is_the_engines_failure(byte_tokenizer: Tokenizer) -> None:
    choice = Choice(byte_tokenizer, StopStrings([]), PlainParser(), log_probs=False)
    with pytest.raises(EngineFailed):
        choice.feed(Tokens([9999]))
