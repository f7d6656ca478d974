"""The lane beside the pipeline, with a runtime whose logits are known: an id's likeliest successor is one more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lane import Drawing, Lane, Scoring
from piece import Piece
from runtime import Logits, Runtime

from tests.model_repository.sample import request

VOCABULARY = 100


class Counting(Runtime):
    """Remembers the pieces it was fed, a list for each sequence. An id of 66 fails."""

    def __init__(self) -> None:
        super().__init__(Path("none"), {})
        self.sequences: list[list[list[int]]] = [[]]
        self.compiled = True

    def ready(self) -> bool:
        return self.compiled

    def feed(self, ids: Sequence[int]) -> Logits:
        if 66 in ids:
            raise RuntimeError("sixty-six")
        self.sequences[-1].append(list(ids))
        return np.eye(VOCABULARY, dtype=np.float32)[[(token + 1) % VOCABULARY for token in ids]]

    def forget(self) -> None:
        self.sequences.append([])


@pytest.fixture
def runtime() -> Counting:
    return Counting()


@pytest.fixture
def lane(runtime: Counting) -> Lane:
    return Lane(runtime)


def steps(lane: Lane, count: int) -> Iterator[Piece]:
    for _ in range(count):
        assert lane.pause() == 0
        yield from lane.step()


def ids(pieces: Sequence[Piece]) -> list[int]:
    return [token for piece in pieces for token in piece.ids]


def test_a_drawing_feeds_its_prompt_in_pieces_and_then_each_id(lane: Lane, runtime: Counting) -> None:
    lane.add(Drawing(1, request(range(20), log_probs=True)))
    pieces = list(steps(lane, 6))
    fed = [token for part in runtime.sequences[-1] for token in part]
    assert fed[:20] == list(range(20))
    assert max(map(len, runtime.sequences[-1])) < 20
    assert ids(pieces) == list(range(20, 20 + len(pieces)))
    assert fed[20:] == ids(pieces)[:-1]
    assert all(piece.logits is None and len(piece.log_probs) == 1 for piece in pieces)


def test_a_drawing_shows_its_logits_without_the_bias(lane: Lane) -> None:
    bias = np.zeros(VOCABULARY, np.float32)
    bias[50] = 9
    lane.add(Drawing(1, replace(request([3]), bias=bias, logits=True)))
    (piece,) = steps(lane, 1)
    assert list(piece.ids) == [50]
    assert piece.logits is not None
    assert piece.logits.shape == (1, VOCABULARY)
    assert int(piece.logits.argmax()) == 4


def test_a_scoring_gives_out_what_it_hears_with_the_logits_that_led_to_it(lane: Lane) -> None:
    scoring = Scoring(1, request([5, 6, 7], log_probs=True))
    lane.add(scoring)
    assert list(steps(lane, 1)) == []  # the prompt but for its last id
    assert lane.pause() is None
    assert list(scoring.hear(Piece(1, [30, 31], [-1.0, -2.0]))) == []
    pieces = list(steps(lane, 1))
    assert [(list(piece.ids), list(piece.log_probs)) for piece in pieces] == [([30], [-1.0]), ([31], [-2.0])]
    assert [int(piece.logits.argmax()) for piece in pieces if piece.logits is not None] == [8, 31]
    assert lane.pause() is None


@pytest.mark.parametrize("empty_end", [True, False])
def test_a_scoring_ends_with_the_last_id_that_it_gives_out(lane: Lane, empty_end: bool) -> None:
    scoring = Scoring(1, request([5, 6, 7]))
    lane.add(scoring)
    out = list(scoring.hear(Piece(1, [30, 31, 32], ended=not empty_end)))
    if empty_end:
        out += scoring.hear(Piece(1, ended=True))
    out += steps(lane, 1)
    assert ids(out) == [30, 31, 32]
    assert [piece.ended for piece in out] == [False, False, True]


def test_an_end_that_comes_when_all_is_scored_is_told_at_once(lane: Lane) -> None:
    scoring = Scoring(1, request([5]))
    lane.add(scoring)
    list(scoring.hear(Piece(1, [30])))
    assert ids(list(steps(lane, 1))) == [30]
    assert list(scoring.hear(Piece(1, ended=True))) == [Piece(1, ended=True)]


def test_nothing_follows_for_one_that_is_removed_in_the_middle_of_a_step(lane: Lane) -> None:
    scoring = Scoring(1, request([5]))
    lane.add(scoring)
    list(scoring.hear(Piece(1, [30, 31, 32])))
    seen = []
    for piece in lane.step():
        seen.append(piece)
        lane.remove(1)
    assert ids(seen) == [30]


def test_one_follows_the_other_in_a_sequence_of_its_own(lane: Lane, runtime: Counting) -> None:
    lane.add(Drawing(1, request([10])))
    lane.add(Drawing(2, request([20])))
    assert [piece.key for piece in steps(lane, 3)] == [1, 1, 1]
    lane.remove(1)
    assert [(piece.key, list(piece.ids)) for piece in steps(lane, 2)] == [(2, [21]), (2, [22])]
    assert runtime.sequences == [[[10], [11], [12]], [[20], [21]]]


def test_while_the_runtime_is_compiled_there_is_a_pause(lane: Lane, runtime: Counting) -> None:
    runtime.compiled = False
    assert lane.pause() is None
    lane.add(Drawing(1, request([10])))
    pause = lane.pause()
    assert pause is not None
    assert 0 < pause < 0.1


def test_a_failure_ends_the_one_that_ran(lane: Lane) -> None:
    lane.add(Drawing(1, request([66])))
    lane.add(Drawing(2, request([20])))
    (failed,) = steps(lane, 1)
    assert (failed.key, failed.error) == (1, "engine_failed: the runtime for logits failed")
    lane.remove(1)
    assert ids(list(steps(lane, 1))) == [21]
