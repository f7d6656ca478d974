"""The OpenVINO engine on the default model, in this process: what cannot be brought about through Triton."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openvino_genai as genai
import pytest
from piece import Piece
from pipeline import PipelineEngine
from request import Guide

from build_engines.recipe import Manifest
from tests.model_repository.sample import request

PROMPT = [1, 4093, 198, 13334, 2, 198, 1, 520, 9531, 198]
BAD = Guide("ebnf_grammar", "root ::= ((")
_PARAMETERS = {"precision": "exact", "max_sequences": "4", "kv_cache_gb": "1", "context": "8192"}


@pytest.fixture
def folder(built_model: Path, manifest: Manifest) -> Path:
    return built_model / "repository" / manifest.triton_model / "1"


@pytest.fixture
def engine(folder: Path) -> PipelineEngine:
    return PipelineEngine(folder, _PARAMETERS)


@pytest.fixture
def tiny_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever builds a pipeline now gets 10 blocks of 32 tokens."""

    class Tiny(genai.SchedulerConfig):  # type: ignore[misc]  # the library has no types
        def __setattr__(self, name: str, value: object) -> None:
            if name == "cache_size":
                name, value = "num_kv_blocks", 10
            super().__setattr__(name, value)

    with monkeypatch.context() as patch:
        patch.setattr(genai, "SchedulerConfig", Tiny)
        yield


def run(engine: PipelineEngine) -> dict[int, list[Piece]]:
    """Steps until nothing is left to do; the pieces of each sequence."""
    pieces: dict[int, list[Piece]] = {}
    while engine.pause() is not None:
        for piece in engine.step():
            pieces.setdefault(piece.key, []).append(piece)
            if piece.ended or piece.error is not None:
                engine.remove(piece.key)
    return pieces


def errors(pieces: dict[int, list[Piece]]) -> dict[int, str | None]:
    return {key: parts[-1].error for key, parts in pieces.items()}


def test_a_cache_smaller_than_the_context_is_refused(folder: Path, tiny_cache: None) -> None:
    with pytest.raises(ValueError, match="the KV cache holds 320 tokens, less than the context of 321"):
        PipelineEngine(folder, {**_PARAMETERS, "context": "321"})


def test_sequences_that_do_not_fit_together_take_turns(folder: Path, tiny_cache: None) -> None:
    engine = PipelineEngine(folder, {**_PARAMETERS, "context": "320"})
    for key in range(4):
        engine.add(key, request(range(100 * key, 100 * key + 100), room=100, end_id=-1))
    pieces = run(engine)
    assert {key: sum(len(piece.ids) for piece in parts) for key, parts in pieces.items()} == dict.fromkeys(
        range(4), 100
    )


def test_a_guide_that_does_not_compile_takes_the_blame_where_it_is_certain(engine: PipelineEngine) -> None:
    engine.add(1, request(PROMPT))
    engine.add(2, request(PROMPT, guide=Guide("regex", "[0-9]+"), room=50))
    first = {piece.key for piece in engine.step()}
    assert first == {1, 2}
    engine.add(3, request(PROMPT, guide=BAD))
    failed = errors(run(engine))
    assert str(failed[3]).startswith("invalid_guide: EBNF parser error at line 1")
    assert all(str(failed[key]).startswith("engine_failed: ") for key in (1, 2))


def test_two_new_guides_share_the_blame(engine: PipelineEngine) -> None:
    engine.add(1, request(PROMPT, guide=Guide("regex", "[0-9]+")))
    engine.add(2, request(PROMPT, guide=BAD))
    failed = errors(run(engine))
    assert all(str(failed[key]).startswith("engine_failed: ") for key in (1, 2))


def test_after_a_failed_step_the_same_words_come_again(engine: PipelineEngine) -> None:
    engine.add(1, request(PROMPT, room=5))
    before = run(engine)[1]
    engine.add(2, request(PROMPT, guide=BAD))
    assert errors(run(engine))[2] is not None
    engine.add(1, request(PROMPT, room=5))
    assert run(engine)[1] == before


def test_a_removed_sequence_leaves_with_the_next_step(engine: PipelineEngine) -> None:
    engine.add(1, request(PROMPT, room=1000))
    list(engine.step())
    engine.remove(1)
    assert list(engine.step()) == []
    assert engine.pause() is None
