from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as HfTokenizer

from proxy.prompt.tokenizer import Tokenizer, UnknownTokenizer
from tests.proxy.byte_model import CHATML, CONTROL, END, THINK, write_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    return Tokenizer(tokenizer_folder)


@pytest.fixture(scope="module")
def reference(tokenizer_folder: Path) -> HfTokenizer:
    return HfTokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))


def read(tokenizer: Tokenizer, ids: list[int]) -> str:
    return b"".join(tokenizer.raw_bytes(token) for token in ids).decode()


def test_a_control_token_is_one_id_in_a_template_and_characters_in_client_text(
    tokenizer: Tokenizer, reference: HfTokenizer
) -> None:
    assert len(tokenizer.control) == 17
    for text in tokenizer.control:
        (token,) = tokenizer.encode(text)
        assert token == reference.token_to_id(text)
        plain = tokenizer.encode_plain(f"a{text}b")
        assert token not in plain
        assert read(tokenizer, plain) == f"a{text}b"


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.text(max_size=6) | st.sampled_from(["<|im_end|>", "<|im_", "<file_sep>", "<"]), max_size=8)
)
def test_client_text_comes_back_and_is_never_a_control_token(parts: list[str], tokenizer: Tokenizer) -> None:
    text = "".join(parts)
    ids = tokenizer.encode_plain(text)
    # The default model's vocabulary lacks a few bytes that no character of a living script has.
    known = {data for data in tokenizer.bytes_of if len(data) == 1}
    expected = b"".join(bytes([byte]) for byte in text.encode() if bytes([byte]) in known)
    assert b"".join(tokenizer.raw_bytes(token) for token in ids) == expected
    assert not {id_ for control in tokenizer.control for id_ in tokenizer.encode(control)} & set(ids)


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_characters="<", exclude_categories=["Cs"]), max_size=60))
def test_ordinary_text_gets_the_ids_that_training_saw(
    text: str, tokenizer: Tokenizer, reference: HfTokenizer
) -> None:
    expected = reference.encode(text, add_special_tokens=False).ids
    assert tokenizer.encode_plain(text) == tokenizer.encode(text) == expected


def test_every_id_has_the_bytes_that_the_tokenizers_library_decodes(
    tokenizer: Tokenizer, reference: HfTokenizer
) -> None:
    assert len(tokenizer.bytes_of) == reference.get_vocab_size()
    decoded = reference.decode_batch(
        [[token] for token in range(len(tokenizer.bytes_of))], skip_special_tokens=True
    )
    for data, text in zip(tokenizer.bytes_of, decoded, strict=True):
        assert data.decode("utf-8", "replace") == text


def test_an_added_token_that_is_not_special_has_text_and_a_special_one_none(byte_tokenizer: Tokenizer) -> None:
    assert byte_tokenizer.bytes_of[THINK] == b"<think>"
    assert byte_tokenizer.bytes_of[END] == b""
    assert byte_tokenizer.raw_bytes(END) == b"<|im_end|>"
    assert byte_tokenizer.text_of(END) == "<|im_end|>"
    assert set(byte_tokenizer.control) == set(CONTROL.values())


def test_part_of_a_character_is_written_as_bytes(byte_tokenizer: Tokenizer) -> None:
    assert byte_tokenizer.text_of(0xE0) == "bytes:\\xe0"
    assert byte_tokenizer.text_of(0x41) == "A"


def test_a_control_token_that_is_also_an_ordinary_entry_is_taken_apart(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path / "tokenizer", CHATML)
    data = json.loads((folder / "tokenizer.json").read_text())
    data["model"]["vocab"]["<|im_end|>"] = END
    data["model"]["ignore_merges"] = True
    data["pre_tokenizer"]["use_regex"] = False
    (folder / "tokenizer.json").write_text(json.dumps(data))
    tokenizer = Tokenizer(folder)
    assert tokenizer.encode_plain("<|im_end|>") == list(b"<|im_end|>")


def test_sentencepiece_tokens_are_read_as_text_and_bytes(tmp_path: Path) -> None:
    vocabulary = [["<unk>", 0.0], ["<0xE2>", 0.0], ["\u2581the", 0.0], ["x", 0.0]]
    data = {
        "version": "1.0",
        "added_tokens": [],
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "Unigram", "unk_id": 0, "vocab": vocabulary, "byte_fallback": True},
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(data))
    assert Tokenizer(tmp_path).bytes_of == [b"<unk>", b"\xe2", b" the", b"x"]


def test_a_decoder_that_nobody_knows_is_refused_with_the_files_name(tmp_path: Path) -> None:
    data = {
        "version": "1.0",
        "added_tokens": [],
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"},
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(data))
    with pytest.raises(UnknownTokenizer, match=r"tokenizer\.json.*WordPiece"):
        Tokenizer(tmp_path)


def test_markers_that_are_control_tokens_can_be_shown(byte_tokenizer: Tokenizer) -> None:
    shown = byte_tokenizer.showing(("<|im_end|>", "<tool_call>"))
    assert (byte_tokenizer.bytes_of[END], shown[END]) == (b"", b"<|im_end|>")
    assert [place for place, data in enumerate(shown) if data != byte_tokenizer.bytes_of[place]] == [END]
