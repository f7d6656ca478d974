from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from build_engines.gguf_model import GgufError, read_gguf
from build_engines.gguf_tokenizer import PRE_TOKENIZERS, write_tokenizer
from tests.build_engines.tiny_gguf import (
    CONTROL,
    USER_DEFINED,
    Vocabulary,
    byte_level,
    sentence_piece,
    write_gguf,
)


def made(folder: Path, vocabulary: Vocabulary) -> PreTrainedTokenizerFast:
    write_tokenizer(read_gguf(write_gguf(folder / "a.gguf", vocabulary)), folder / "tokenizer")
    return PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer")


def pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    """What the pre-tokenizer cuts a text into."""
    if tokenizer.normalizer:
        text = tokenizer.normalizer.normalize_str(text)
    raw = text.encode()
    found, at = [], 0
    for letters, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text):  # one letter for each byte
        found.append(raw[at : at + len(letters)].decode())
        at += len(letters)
    return found


# What the pre-tokenizer of each family makes of the same text, by the design of the models' own files; the
# pieces between bars.
TEXT = "I'LL don't 12345 x=7  \r\n\n\tgo नमस्ते"
CUTS = {
    "gpt-2": "I|'|LL| don|'t| 12345| x|=|7|  \r\n\n|\t|go| नमस|्|त|े",
    "smollm": "I|'|LL| don|'t| |1|2|3|4|5| x|=|7|  \r\n\n|\t|go| नमस|्|त|े",
    "llama-bpe": "I|'LL| don|'t| |123|45| x|=|7|  \r\n\n|\tgo| नमस|्त|े",
    "qwen2": "I|'LL| don|'t| |1|2|3|4|5| x|=|7|  \r\n\n|\tgo| नमस|्त|े",
}
SAME = {"default": "gpt-2", "llama3": "llama-bpe", "llama-v3": "llama-bpe", "deepseek-r1-qwen": "qwen2"}


@pytest.mark.parametrize("pre", PRE_TOKENIZERS)
def test_each_pre_tokenizer_cuts_like_its_models_own(tmp_path: Path, pre: str) -> None:
    tokenizer = made(tmp_path, byte_level(pre)).backend_tokenizer
    assert "|".join(pieces(tokenizer, TEXT)) == CUTS[SAME.get(pre, pre)]


def test_an_unknown_pre_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="pre-tokenizer 'tekken' is not known; known are default, gpt-2,"):
        made(tmp_path, byte_level("tekken"))


def test_a_file_without_pre_tokenizer_is_cut_as_gpt2(tmp_path: Path) -> None:
    vocabulary = replace(byte_level(), pre=None)
    assert "|".join(pieces(made(tmp_path, vocabulary).backend_tokenizer, TEXT)) == CUTS["gpt-2"]


def test_an_unknown_kind_of_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="tokenizer kind 'bert' cannot be served; known are gpt2, llama"):
        made(tmp_path, replace(byte_level(), kind="bert"))


def test_merges_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="merges do not fit the vocabulary"):
        made(tmp_path, replace(byte_level(), merges=["zz q"]))


def test_merges_are_applied(tmp_path: Path) -> None:
    tokenizer = made(tmp_path, byte_level())
    assert tokenizer.tokenize("the king é") == ["t", "h", "e", "Ġ", "k", "ing", "Ġ", "Ã©"]
    assert tokenizer.tokenize("in the") == ["in", "Ġthe"]


def test_qwen_composes_characters_first(tmp_path: Path) -> None:
    assert made(tmp_path, byte_level("qwen2")).tokenize("e\u0301") == ["Ã©"]


def test_llama3_takes_whole_words_without_merging(tmp_path: Path) -> None:
    vocabulary = byte_level("llama-bpe")
    whole = replace(vocabulary, tokens=[*vocabulary.tokens, "xyz"], types=[*vocabulary.types, 1])
    (tmp_path / "qwen").mkdir()
    assert made(tmp_path, whole).tokenize("xyz") == ["xyz"]
    assert made(tmp_path / "qwen", replace(whole, pre="qwen2")).tokenize("xyz") == ["x", "y", "z"]


def test_control_tokens_are_special_and_user_defined_ones_are_not(tmp_path: Path) -> None:
    vocabulary = byte_level()
    tokenizer = made(tmp_path, vocabulary)
    ids = tokenizer.encode("<|im_start|><think>a<|im_end|>")
    assert [vocabulary.types[index] for index in ids] == [CONTROL, USER_DEFINED, 1, CONTROL]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think>a"


def test_control_tokens_can_be_read_as_text(tmp_path: Path) -> None:
    tokenizer = made(tmp_path, byte_level()).backend_tokenizer
    tokenizer.encode_special_tokens = True
    assert len(tokenizer.encode("<|im_end|>").ids) == len("<|im_end|>")


@pytest.mark.parametrize(("pre", "add", "expected"), [("qwen2", None, False), ("llama-bpe", None, True)])
def test_bos_is_added_where_the_family_does(tmp_path: Path, pre: str, add: bool | None, expected: bool) -> None:
    vocabulary = byte_level(pre)
    vocabulary = replace(vocabulary, bos=vocabulary.tokens.index("<|im_start|>"))
    ids = made(tmp_path, vocabulary).encode("a")
    assert (ids[0] == vocabulary.bos) is expected


def ends(folder: Path, vocabulary: Vocabulary) -> list[str]:
    model = read_gguf(write_gguf(folder / "a.gguf", vocabulary))
    return [vocabulary.tokens[index] for index in write_tokenizer(model, folder / "tokenizer")]


def test_the_end_of_turn_of_the_template_comes_first(tmp_path: Path) -> None:
    vocabulary = byte_level()
    named = replace(vocabulary, eos=vocabulary.tokens.index("<|endoftext|>"))
    assert ends(tmp_path, named) == ["<|im_end|>", "<|endoftext|>"]
    config = json.loads((tmp_path / "tokenizer/tokenizer_config.json").read_text())
    generation = json.loads((tmp_path / "tokenizer/generation_config.json").read_text())
    assert config["eos_token"] == "<|im_end|>"
    assert generation["eos_token_id"] == [vocabulary.tokens.index("<|im_end|>"), named.eos]


def test_a_text_that_only_looks_like_an_end_is_none(tmp_path: Path) -> None:
    vocabulary = byte_level()
    plain = replace(vocabulary, tokens=[*vocabulary.tokens, "</s>"], types=[*vocabulary.types, 1])
    assert ends(tmp_path, plain) == ["<|im_end|>", "<|endoftext|>"]


def test_a_model_without_end_is_refused(tmp_path: Path) -> None:
    vocabulary = replace(byte_level(), eos=None)
    no_control = replace(vocabulary, types=[1] * len(vocabulary.tokens))
    with pytest.raises(GgufError, match="names no end of turn"):
        ends(tmp_path, no_control)


@pytest.mark.parametrize("template", ["{% if %}", "{{ raise_exception('never') }}", "{{ messages[7].content }}"])
def test_a_template_that_does_not_render_is_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(GgufError, match="chat template does not render"):
        ends(tmp_path, replace(byte_level(), template=template))


def test_the_folder_renders_chats(tmp_path: Path) -> None:
    tokenizer = made(tmp_path, byte_level())
    chat = [{"role": "user", "content": "Hi"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.model_max_length == 256


def greedy(vocabulary: Vocabulary, text: str) -> list[str]:
    """SentencePiece's rule, written down plainly: join the neighbours that make the best piece, the leftmost
    of equals, until none can be joined; spell what is left over in bytes."""
    scores = {
        token: score
        for token, score, kind in zip(vocabulary.tokens, vocabulary.scores, vocabulary.types, strict=True)
        if kind == 1
    }
    parts = list("▁" + text.replace(" ", "▁")) if text else []
    while True:
        pairs = [left + right for left, right in pairwise(parts)]
        joined = [(scores[pair], -at) for at, pair in enumerate(pairs) if pair in scores]
        if not joined:
            break
        at = -max(joined)[1]
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    spelt = [[part] if part in scores else [f"<0x{byte:02X}>" for byte in part.encode()] for part in parts]
    return [token for tokens in spelt for token in tokens]


@pytest.fixture(scope="module")
def sentence_pieces(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    return made(tmp_path_factory.mktemp("spm"), sentence_piece())


@given(text=st.text("thein gé ह\n", max_size=40))
@settings(deadline=None)
def test_sentence_piece_joins_the_best_first(sentence_pieces: PreTrainedTokenizerFast, text: str) -> None:
    assert sentence_pieces.tokenize(text) == greedy(sentence_piece(), text)


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁"), max_size=40))
@settings(deadline=None)
def test_sentence_piece_gives_every_text_back(sentence_pieces: PreTrainedTokenizerFast, text: str) -> None:
    ids = sentence_pieces.encode(text)
    assert ids[0] == 1  # bos
    if "<s>" not in text and "</s>" not in text:
        assert sentence_pieces.decode(ids[1:]) == text


def test_sentence_piece_ends_its_turn(tmp_path: Path) -> None:
    assert ends(tmp_path, sentence_piece()) == ["</s>"]
