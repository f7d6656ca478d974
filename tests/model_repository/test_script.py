"""What the scripted engine plays."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from piece import Piece
from request import Refusal
from script import ScriptedEngine

from tests.model_repository.sample import request

PARAMETERS = {"vocab_size": "100"}


def write(folder: Path, script: object) -> None:
    path = folder / "script.json"
    path.write_text(json.dumps(script))
    stamp = time.time_ns()  # changes within one tick of the file system's clock count too
    os.utime(path, ns=(stamp, stamp))


def play(engine: ScriptedEngine, steps: int) -> list[Piece]:
    return [piece for _ in range(steps) for piece in engine.step()]


def test_without_a_script_the_prompt_is_played_again_and_again(tmp_path: Path) -> None:
    engine = ScriptedEngine(tmp_path, PARAMETERS)
    engine.add(1, request([5, 6, 7]))
    assert [token for piece in play(engine, 5) for token in piece.ids] == [5, 6, 7, 5, 6]


def test_the_first_answer_that_fits_the_end_of_the_prompt_plays(tmp_path: Path) -> None:
    answers = [{"after": [5], "ids": [1]}, {"after": [6, 7], "ids": [40, 41, 42]}, {"after": [7], "ids": [50]}]
    write(tmp_path, {"tokens_per_response": 2, "answers": answers})
    engine = ScriptedEngine(tmp_path, PARAMETERS)
    engine.add(1, request([5, 6, 7], log_probs=True))
    assert play(engine, 3) == [
        Piece(1, [40, 41], [-0.5, -0.5]),
        Piece(1, [42], [-0.5]),
        Piece(1, ended=True),
    ]


def test_an_answer_longer_than_the_prompt_does_not_fit(tmp_path: Path) -> None:
    write(tmp_path, {"answers": [{"after": [4, 5, 6, 7], "ids": [1]}]})
    engine = ScriptedEngine(tmp_path, PARAMETERS)
    engine.add(1, request([5, 6, 7]))
    assert play(engine, 1) == [Piece(1, [5])]


def test_an_error_comes_after_the_ids_before_it(tmp_path: Path) -> None:
    write(tmp_path, {"answers": [{"after": [], "ids": [1, 3, 4], "error": "engine_failed: oh", "error_at": 2}]})
    engine = ScriptedEngine(tmp_path, PARAMETERS)
    engine.add(1, request())
    last = Piece(1, ended=True, error="engine_failed: oh")
    assert play(engine, 3) == [Piece(1, [1]), Piece(1, [3]), last]


def test_each_answer_has_its_own_pace(tmp_path: Path) -> None:
    slow = {"after": [5], "ids": [1], "pace_ms": 60_000}
    write(tmp_path, {"pace_ms": 0, "answers": [slow]})
    engine = ScriptedEngine(tmp_path, PARAMETERS)
    assert engine.pause() is None
    engine.add(1, request([5]))
    pause = engine.pause()
    assert pause is not None
    assert 50 < pause <= 60
    engine.add(2, request([6]))
    assert engine.pause() == 0
    assert play(engine, 2) == [Piece(2, [6]), Piece(2, [6])]
    engine.remove(2)
    engine.remove(1)
    assert engine.pause() is None


def test_the_script_is_read_anew_when_it_has_changed(tmp_path: Path) -> None:
    engine = ScriptedEngine(tmp_path, PARAMETERS)
    for ids in ([8], [9]):
        write(tmp_path, {"answers": [{"after": [], "ids": ids}]})
        engine.add(1, request())
        assert play(engine, 1) == [Piece(1, ids)]


@pytest.mark.parametrize("text", ["{", '{"answers": [{"after": []}]}', '{"pace_ms": "fast"}', "[]"])
def test_a_script_that_cannot_be_read_fails_the_request_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "script.json").write_text(text)
    with pytest.raises(Refusal, match=r"^engine_failed: script\.json: "):
        ScriptedEngine(tmp_path, PARAMETERS).add(1, request())


def test_logits_are_those_of_the_id_that_is_played(tmp_path: Path) -> None:
    engine = ScriptedEngine(tmp_path, PARAMETERS)
    engine.add(1, replace(request([98], log_probs=True), logits=True))
    (piece,) = play(engine, 1)
    assert piece.logits is not None
    chances = np.exp(piece.logits[0])
    assert chances.sum() == pytest.approx(1, abs=1e-5)
    assert chances.argsort()[::-1][:5].tolist() == [98, 99, 0, 1, 2]
    assert list(piece.log_probs) == [-0.5]


def test_with_a_bias_the_largest_sum_is_played(tmp_path: Path) -> None:
    engine = ScriptedEngine(tmp_path, PARAMETERS)
    bias = np.zeros(100, np.float32)
    bias[5] = -100
    engine.add(1, replace(request([5, 50], log_probs=True), bias=bias))
    assert [list(piece.ids) for piece in play(engine, 2)] == [[6], [50]]
