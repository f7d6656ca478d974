from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from build_engines.gguf_model import GgufError, read_gguf
from tests.build_engines.tiny_gguf import Vocabulary, byte_level, sentence_piece, write_gguf


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
def test_the_header_is_read(tmp_path: Path, architecture: str) -> None:
    vocabulary = byte_level()
    model = read_gguf(write_gguf(tmp_path / "a.gguf", vocabulary, architecture, context=300, padding_rows=5))
    assert (model.architecture, model.context) == (architecture, 300)
    assert model.logits == len(vocabulary.tokens) + 5
    assert model.vocabulary.tokens == vocabulary.tokens
    assert model.vocabulary.merges == vocabulary.merges
    assert model.vocabulary.ends == (vocabulary.eos,)
    assert model.chat_template == vocabulary.template


def test_the_default_model(smollm2_gguf: Path) -> None:
    model = read_gguf(smollm2_gguf)
    assert (model.architecture, model.context, model.logits) == ("llama", 8192, 49152)
    assert (model.vocabulary.kind, model.vocabulary.pre) == ("gpt2", "smollm")


def test_an_architecture_that_cannot_be_served_is_named(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="'gemma' cannot be served; use a llama, qwen2 or qwen3 model"):
        read_gguf(write_gguf(tmp_path / "a.gguf", byte_level(), "gemma"))


def test_a_model_without_chat_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="no chat template; use the chat"):
        read_gguf(write_gguf(tmp_path / "a.gguf", replace(byte_level(), template=None)))


@pytest.mark.parametrize(
    ("damaged", "text"),
    [
        (replace(byte_level(), types=[1, 1]), "but 2 token types"),
        (replace(byte_level(), eos=100000), "token id 100000 of"),
        (replace(byte_level(), bos=100000), "token id 100000 of"),
    ],
    ids=["types", "eos", "bos"],
)
def test_a_vocabulary_that_does_not_fit_itself(tmp_path: Path, damaged: Vocabulary, text: str) -> None:
    with pytest.raises(GgufError, match=f"damaged .*{text}"):
        read_gguf(write_gguf(tmp_path / "a.gguf", damaged))


def test_scores_must_match_the_tokens(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="but 1 scores"):
        read_gguf(write_gguf(tmp_path / "a.gguf", replace(sentence_piece(), scores=[0.5])))


def test_fewer_logits_than_tokens_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="tokens but only 271 rows of logits"):
        read_gguf(write_gguf(tmp_path / "a.gguf", byte_level(), padding_rows=-1))


def test_a_cut_off_file_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "whole.gguf", byte_level()).read_bytes()
    cut = tmp_path / "cut.gguf"
    for size in [5, 8, 23, 24, 30, *range(100, len(whole), len(whole) // 60), len(whole) - 1]:
        cut.write_bytes(whole[:size])
        with pytest.raises(GgufError, match=r"cut\.gguf: "):
            read_gguf(cut)
