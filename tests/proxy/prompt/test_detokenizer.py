from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.prompt.detokenizer import Detokenizer
from proxy.prompt.tokenizer import Tokenizer

TEXTS = [
    "नमस्ते दुनिया, क्षत्रिय की श्रृंखला।",
    "family 👨‍👩‍👧‍👦, flag 🇮🇳, thumb 👍🏽, heart ❤️‍🔥",
    "e\u0301 o\u0308 \u0915\u093c \u1112\u1161\u11ab Z\u0351\u0343\u0307",
    "مرحبا שלום こんにちは 你好 แมว",
    "tabs\tand\r\nlines, \x00 too, \ufffd if it was written",
]

byte_pieces = st.lists(st.binary(max_size=5), max_size=20)


@pytest.fixture(scope="module")
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    return Tokenizer(tokenizer_folder)


def spoken(bytes_of: Sequence[bytes], ids: Sequence[int]) -> list[str]:
    detokenizer = Detokenizer(bytes_of)
    return [*(detokenizer.feed(token) for token in ids), detokenizer.finish()]


@given(byte_pieces)
@example([b"\xe0", b"\x80", b"a"])
@example([b"\xf0\x9f", b"\x91", b"\xf0\x9f\x91\xa8"])
@example([b"\xed\xa0", b"\x80\xc3"])
def test_any_bytes_in_any_pieces_are_read_as_the_whole_would_be(parts: list[bytes]) -> None:
    assert "".join(spoken(parts, range(len(parts)))) == b"".join(parts).decode("utf-8", "ignore")


@given(st.text(max_size=40))
def test_a_character_is_shown_with_its_last_byte_and_not_before(text: str) -> None:
    data = text.encode()
    detokenizer = Detokenizer([bytes([byte]) for byte in range(256)])
    shown = ""
    for count, byte in enumerate(data, 1):
        shown += detokenizer.feed(byte)
        assert shown == data[:count].decode("utf-8", "ignore")


@pytest.mark.parametrize("text", TEXTS)
def test_the_real_tokenizers_tokens_give_the_text_back(text: str, tokenizer: Tokenizer) -> None:
    parts = spoken(tokenizer.bytes_of, tokenizer.encode_plain(text))
    assert "".join(parts) == text


@settings(max_examples=40, deadline=None)
@given(ids=st.lists(st.integers(0, 49151), max_size=60))
def test_any_ids_give_their_bytes_and_nothing_invented(ids: list[int], tokenizer: Tokenizer) -> None:
    data = b"".join(tokenizer.bytes_of[token] for token in ids)
    assert "".join(spoken(tokenizer.bytes_of, ids)) == data.decode("utf-8", "ignore")


def test_the_end_of_a_character_that_never_came_is_dropped() -> None:
    assert spoken([b"a", b"\xf0\x9f\x91"], [0, 1]) == ["a", "", ""]


def test_an_id_outside_the_vocabulary_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        Detokenizer([b"a"]).feed(1)


def test_the_ten_thousandth_token_costs_what_the_first_did(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode_plain("काफ़ी लंबी कहानी 👍🏽 ")
    detokenizer = Detokenizer(tokenizer.bytes_of)

    def thousand() -> float:
        started = time.perf_counter()
        for number in range(1000):
            detokenizer.feed(ids[number % len(ids)])
        return time.perf_counter() - started

    first = min(thousand() for _ in range(5))
    for _ in range(20):
        thousand()
    assert min(thousand() for _ in range(5)) < 5 * first
