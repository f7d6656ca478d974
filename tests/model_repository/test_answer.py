"""What is sent of the ids that an engine makes."""

from __future__ import annotations

import itertools

import numpy as np
from answer import Answer
from hypothesis import given
from hypothesis import strategies as st
from piece import Piece

from tests.model_repository.backend import TRITONSERVER_RESPONSE_COMPLETE_FINAL as FINAL
from tests.model_repository.backend import Sender
from tests.model_repository.sample import request

END = 2


def sent_ids(sender: Sender) -> list[int]:
    return [token for response, _ in sender.sent if response is not None for token in response.ids()]


@given(
    ids=st.lists(st.integers(1, 6), max_size=20),
    cuts=st.lists(st.integers(0, 20)),
    room=st.integers(1, 25),
    words=st.lists(st.lists(st.integers(3, 6), min_size=1, max_size=2).map(tuple), max_size=2),
)
def test_an_answer_is_cut_at_its_end_however_the_ids_come(
    ids: list[int], cuts: list[int], room: int, words: list[tuple[int, ...]]
) -> None:
    sender = Sender()
    answer = Answer(request(room=room, stop_words=tuple(words)), sender)
    bounds = [0, *sorted(min(cut, len(ids)) for cut in cuts), len(ids)]
    over = False
    for start, end in itertools.pairwise(bounds):
        over = over or answer.send(Piece(1, ids[start:end]))
    wanted, complete = expected(ids, room, words)
    assert sent_ids(sender) == wanted
    assert over == complete
    assert [flags for _, flags in sender.sent].count(FINAL) == int(complete)


def expected(ids: list[int], room: int, words: list[tuple[int, ...]]) -> tuple[list[int], bool]:
    """The ids that belong to the answer, the slow way, and whether it is complete."""
    for count in range(1, len(ids) + 1):
        taken = tuple(ids[:count])
        if taken[-1] == END:
            return ids[: count - 1], True
        if count == room or any(taken[-len(word) :] == word for word in words):
            return ids[:count], True
    return ids, False


def test_the_last_response_may_be_empty() -> None:
    sender = Sender()
    answer = Answer(request(), sender)
    assert not answer.send(Piece(1, [9]))
    assert answer.send(Piece(1, ended=True))
    assert sent_ids(sender) == [9]
    assert [flags for _, flags in sender.sent] == [0, FINAL]


def test_nothing_is_sent_for_a_step_without_ids() -> None:
    sender = Sender()
    assert not Answer(request(), sender).send(Piece(1))
    assert sender.sent == []


def test_log_probs_are_of_the_whole_answer_and_end_where_the_ids_do() -> None:
    sender = Sender()
    answer = Answer(request(log_probs=True), sender)
    answer.send(Piece(1, [9, 8], [-1.0, -2.0]))
    answer.send(Piece(1, [7, END, 6], [-3.0, -4.0, -5.0]))
    seen = [response.output_tensors[2].array for response, _ in sender.sent if response is not None]
    assert [array.tolist() for array in seen] == [[[[-1.0, -2.0]]], [[[-1.0, -2.0, -3.0]]]]
    # However long the answer, no response makes an array of its own.
    assert np.shares_memory(seen[0], seen[1])
    assert all(array.dtype == np.float32 and array.flags.c_contiguous for array in seen)


def test_an_error_is_the_last_response() -> None:
    sender = Sender()
    Answer(request(), sender).fail("engine_failed: oh")
    ((response, flags),) = sender.sent
    assert response is not None
    assert response.error is not None
    assert (response.error.text, flags) == ("engine_failed: oh", FINAL)


def test_logits_end_where_the_ids_do() -> None:
    sender = Sender()
    answer = Answer(request(), sender)
    answer.send(Piece(1, [9], logits=np.zeros((1, 10), np.float32)))
    answer.send(Piece(1, [8, END], logits=np.ones((2, 10), np.float32)))
    found = [
        [tensor.array.shape for tensor in response.output_tensors if tensor.name == "generation_logits"]
        for response, _ in sender.sent
        if response is not None
    ]
    assert found == [[(1, 1, 1, 10)], [(1, 1, 1, 10)]]
    ending = Answer(request(), sender)
    ending.send(Piece(1, [END], logits=np.ones((1, 10), np.float32)))
    last = sender.sent[-1][0]
    assert last is not None
    assert "generation_logits" not in [tensor.name for tensor in last.output_tensors]
