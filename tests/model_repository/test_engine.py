"""The pipeline and the lane as one engine, on the default model and in this process."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino
import pytest
from engine import OpenVinoEngine
from piece import Piece
from pipeline import PRECISIONS
from request import Guide, Refusal, Request
from sampler import log_prob

from build_engines.recipe import Manifest
from tests.model_repository.sample import request

PROMPT = [1, 4093, 198, 13334, 2, 198, 1, 520, 9531, 198]
PARAMETERS = {"precision": "exact", "max_sequences": "8", "kv_cache_gb": "1", "context": "8192"}
GREEDY = request(PROMPT, room=24, end_id=-1, log_probs=True)
SEEDED = replace(GREEDY, greedy=False, temperature=0.9, seed=7)
Row = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def folder(built_model: Path, manifest: Manifest) -> Path:
    return built_model / "repository" / manifest.triton_model / "1"


@pytest.fixture(scope="module")
def engine(folder: Path) -> OpenVinoEngine:
    return OpenVinoEngine(folder, PARAMETERS)


@pytest.fixture(scope="module")
def nothing(manifest: Manifest) -> Row:
    """A bias that changes nothing."""
    return np.zeros(manifest.vocab_size, np.float32)


def run(engine: OpenVinoEngine, *requests: Request) -> list[list[Piece]]:
    """The pieces of each request, until each has used up its room."""
    pieces: dict[int, list[Piece]] = {}
    for key, asked in enumerate(requests):
        engine.add(key, asked)
        pieces[key] = []
    open_keys = set(pieces)
    while open_keys:
        for piece in engine.step():
            assert piece.error is None
            pieces[piece.key].append(piece)
            if len(ids(pieces[piece.key])) >= requests[piece.key].room:
                engine.remove(piece.key)
                open_keys.discard(piece.key)
        time.sleep(engine.pause() or 0)
    return list(pieces.values())


def ids(pieces: list[Piece]) -> list[int]:
    return [token for piece in pieces for token in piece.ids]


def rows(pieces: list[Piece]) -> list[Row]:
    return [row for piece in pieces if piece.logits is not None for row in piece.logits]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"repetition_penalty": 1.3},
        {"repetition_penalty": 0.8},
        {"presence_penalty": 1.5},
        {"presence_penalty": -1.5},
        {"frequency_penalty": 1.5},
        {"frequency_penalty": -1.0},
    ],
)
def test_the_lane_says_greedily_what_the_pipeline_says(
    engine: OpenVinoEngine, nothing: Row, changes: dict[str, float]
) -> None:
    asked = replace(GREEDY, **changes)  # type: ignore[arg-type]
    (batched,), (drawn,) = run(engine, asked), run(engine, replace(asked, bias=nothing))
    assert ids(drawn) == ids(batched)
    chances = [[value for piece in pieces for value in piece.log_probs] for pieces in (batched, drawn)]
    assert chances[1] == pytest.approx(chances[0], abs=2e-3)


@pytest.mark.parametrize("asked", [GREEDY, SEEDED], ids=["greedy", "seeded"])
def test_to_see_the_logits_does_not_change_the_answer(engine: OpenVinoEngine, asked: Request) -> None:
    (plain,), (scored,) = run(engine, asked), run(engine, replace(asked, logits=True))
    assert ids(scored) == ids(plain)
    found = [log_prob(row, token) for row, token in zip(rows(scored), ids(scored), strict=True)]
    assert found == pytest.approx([value for piece in plain for value in piece.log_probs], abs=2e-3)


def test_a_biased_answer_is_what_a_direct_computation_says(
    engine: OpenVinoEngine, folder: Path, nothing: Row
) -> None:
    """The whole sequence anew for each id, with the bias added by hand."""
    bias = nothing.copy()
    bias[:2000] = 3.0
    (found,) = run(engine, replace(GREEDY, room=8, bias=bias, logits=True))
    model = openvino.Core().compile_model(str(folder / "engine/openvino_model.xml"), "CPU", PRECISIONS["exact"])
    infer = model.create_infer_request()
    sequence = list(PROMPT)
    for token, row in zip(ids(found), rows(found), strict=True):
        size = len(sequence)
        infer.reset_state()
        infer.infer(
            {
                "input_ids": np.array([sequence], np.int64),
                "attention_mask": np.ones((1, size), np.int64),
                "position_ids": np.arange(size)[None],
                "beam_idx": np.zeros(1, np.int32),
            }
        )
        direct = infer.get_tensor("logits").data[0, -1]
        assert token == int((direct + bias).argmax())
        assert np.abs(row - direct).max() < 0.01
        sequence.append(token)


@pytest.mark.parametrize("kind", ["bias", "logits"])
def test_seeded_answers_beside_one_that_needs_logits_are_unchanged_and_keep_their_pace(
    engine: OpenVinoEngine, nothing: Row, kind: str
) -> None:
    plain = [
        replace(SEEDED, room=60, seed=seed, ids=np.array(PROMPT[seed:] + PROMPT, np.int32)) for seed in range(4)
    ]
    extra = replace(GREEDY, room=500, bias=nothing if kind == "bias" else None, logits=True)
    run(engine, replace(extra, room=1))  # the first such request has the runtime compiled
    started = time.monotonic()
    alone = run(engine, *plain)
    usual = time.monotonic() - started
    found: list[list[int]] = [[] for _ in range(5)]
    started = time.monotonic()
    for key, asked in enumerate([*plain, extra]):
        engine.add(key, asked)
    while any(len(found[key]) < 60 for key in range(4)):
        for piece in engine.step():
            found[piece.key] += piece.ids
            if len(found[piece.key]) == 60 and piece.key < 4:
                engine.remove(piece.key)
    assert time.monotonic() - started < 4 * usual
    engine.remove(4)
    assert found[:4] == [ids(pieces) for pieces in alone]
    assert len(found[4]) >= 4


def test_a_bias_with_a_guide_is_refused(engine: OpenVinoEngine, nothing: Row) -> None:
    with pytest.raises(Refusal, match=r"^unsupported: embedding_bias together with a guide"):
        engine.add(1, replace(GREEDY, bias=nothing, guide=Guide("regex", "[0-9]+")))
    assert engine.pause() is None


def test_one_that_is_removed_leaves_nothing_to_do(engine: OpenVinoEngine, nothing: Row) -> None:
    engine.add(1, replace(GREEDY, bias=nothing))
    engine.add(2, replace(GREEDY, logits=True))
    assert engine.pause() is not None
    engine.remove(1)
    engine.remove(2)
    list(engine.step())
    assert engine.pause() is None


def test_a_model_that_cannot_be_compiled_fails_the_request_and_the_next_can_try_again(
    folder: Path, nothing: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = OpenVinoEngine(folder, PARAMETERS)

    class Broken:
        def compile_model(self, *_: object) -> None:
            raise RuntimeError("no memory")

    def failed() -> Piece:
        engine.add(1, replace(GREEDY, bias=nothing))
        while True:
            for piece in engine.step():
                engine.remove(1)
                return piece

    with monkeypatch.context() as patch:
        patch.setattr(openvino, "Core", Broken)
        assert failed().error == "engine_failed: the runtime for logits failed"
    assert failed().error is None
