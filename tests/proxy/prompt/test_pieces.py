"""A rendered prompt's pieces have the ids that the whole would have, on tokenizers of every family."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as HfTokenizer

from proxy.prompt.template import ChatTemplate
from proxy.prompt.tokenizer import Tokenizer
from tests.proxy.byte_model import CHATML

MARK = "\u2581"
PREPENDS = {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": MARK}, {"type": "Replace", "pattern": {"String": " "}, "content": MARK},
]}  # fmt: skip
FIRST = {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "first", "split": False}
START = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
}
# What its template puts around messages; some parts of prompts must not be cut apart at them.
ADDED = ["<s>", "<|im_start|>", "<|im_end|>", "<mask>", "<word>"]


def write_sentencepiece(folder: Path, normalizer: object, pre_tokenizer: object) -> Path:
    """A tokenizer as Llama's are, with a few pieces."""
    folder.mkdir(parents=True)
    words = ["a", "b", "ab", MARK, f"{MARK}a", f"{MARK}ab", "\n", "user", "n", "t", MARK * 2]
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    added = [{"id": 1 + place, "content": text, "special": True, **flags} for place, text in enumerate(ADDED)]
    added[3]["lstrip"] = True
    added[4]["single_word"] = True
    vocabulary = ["<unk>", *ADDED, *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": START,
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "Unigram", "unk_id": 0, "byte_fallback": True,
            "vocab": [[text, -float(len(text) < 2)] for text in vocabulary],
        },
    }  # fmt: skip
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": CHATML}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> dict[str, Path]:
    made = tmp_path_factory.mktemp("pieces")
    return {
        "default": tokenizer_folder,
        "prepends": write_sentencepiece(made / "prepends", PREPENDS, None),
        "first": write_sentencepiece(made / "first", None, FIRST),
    }


@pytest.fixture(scope="module")
def parsed(folders: dict[str, Path]) -> dict[str, tuple[ChatTemplate, HfTokenizer]]:
    return {
        name: (ChatTemplate(folder, Tokenizer(folder)), HfTokenizer.from_file(str(folder / "tokenizer.json")))
        for name, folder in folders.items()
    }


@pytest.mark.parametrize("name", ["default", "prepends", "first"])
@settings(max_examples=80, deadline=None)
@given(
    contents=st.lists(
        st.lists(st.sampled_from(["a", "ab", " ", "  ", "\n", "é", "user", "word"]), max_size=6).map("".join),
        min_size=1,
        max_size=4,
    )
)
def test_the_pieces_add_up_to_the_whole(
    name: str, contents: list[str], parsed: dict[str, tuple[ChatTemplate, HfTokenizer]]
) -> None:
    template, reference = parsed[name]
    messages = [{"role": "user", "content": content} for content in contents]
    pieces = template.pieces(messages)
    whole = "".join(piece.text for piece in pieces)
    assert len(pieces) > 2 * len(messages)
    assert template.encode(messages) == reference.encode(whole, add_special_tokens=False).ids


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(st.sampled_from(["a", " ", *ADDED]), max_size=8))
def test_no_cut_changes_what_stands_before_or_after_it(
    parts: list[str], folders: dict[str, Path], parsed: dict[str, tuple[ChatTemplate, HfTokenizer]]
) -> None:
    text = "".join(parts)
    tokenizer, (_, reference) = Tokenizer(folders["first"]), parsed["first"]
    assert tokenizer.parting == {"<s>", "<|im_start|>", "<|im_end|>"}
    cut, begin = [], 0
    for place in range(1, len(text)):
        if any(text.startswith(mark, place) for mark in tokenizer.parting):
            cut += tokenizer.encode(text[begin:place])
            begin = place
    assert cut + tokenizer.encode(text[begin:]) == reference.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("name", ["prepends", "first"])
def test_a_bare_text_gets_what_training_saw_at_a_texts_beginning(name: str, folders: dict[str, Path]) -> None:
    folder = folders[name]
    tokenizer = Tokenizer(folder)
    template, reference = ChatTemplate(folder, tokenizer), HfTokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.start == (1,)
    for text in ("ab", "a ab", " a", "\n"):
        assert [*tokenizer.start, *template.encode_text(text)] == reference.encode(text).ids
    spelled = template.encode_text("ab<s>ab<|im_end|>")
    assert set(spelled).isdisjoint(range(1, 6))
    assert b"".join(tokenizer.bytes_of[token] for token in spelled) == b" ab<s>ab<|im_end|>"


def test_a_long_text_has_the_ids_of_a_short_one(folders: dict[str, Path]) -> None:
    tokenizer = Tokenizer(folders["default"])
    long = "word दुनिया " * 200
    assert tokenizer.encode(long) == tokenizer.encode_plain(long)
    assert tokenizer.decode(tokenizer.encode(long)) == long
    assert tokenizer.encode(long)[:20] == tokenizer.encode(long[:90])[:20]
