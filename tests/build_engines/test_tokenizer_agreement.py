"""Our tokenizer against OpenVINO's own reading of the same GGUF file, on the real vocabulary."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import openvino_genai
import pytest
from transformers import PreTrainedTokenizerFast

from build_engines.gguf_model import read_gguf
from build_engines.gguf_tokenizer import write_tokenizer
from tests.build_engines.tiny_gguf import Vocabulary, write_gguf

TEXTS = {
    "english": "Hello, world! It's a test; don't, we'll, I'd, you're, THEY'RE.",
    "hindi": "नमस्ते दुनिया, यह एक परीक्षण है। क्ष्म ज्ञ १२३",
    "chinese": "你好\uff0c世界\uff01这是一个测试。",
    "arabic": "مرحبا بالعالم، هذا اختبار ١٢٣",
    "thai": "สวัสดีชาวโลก นี่คือการทดสอบ",
    "tamil": "வணக்கம் உலகம்",
    "korean": "안녕하세요 세계",
    "emoji": "👨‍👩‍👧‍👦 👩🏽‍🚀 🏳️‍🌈 🇮🇳",
    "combining": "e\u0301 a\u0308 n\u0303o\u0302\u0323 Z\u0351\u036b\u0343",
    "digits": "1234567890 3.14159 2024-01-01 ½ ² Ⅷ ٣٤ \uff11\uff12",
    "spaces": "   a   b    c\t\td\u00a0e\u2003f\u200bg\u3000h  ",
    "newlines": "\n\n word a\n\n\nb\n c \n\n  d",
    "crlf": "a\r\nb\r\n\r\nc\r",
    "code": "def f(x):\n    return x**2 + 1  # ok\n\tif (a && b) { x[0] = 'y'; }",
    "controls": "a\x00b\x07\x1b[0m",
    "chat": "<|im_start|>user\nhi<|im_end|>\n<|endoftext|>",
    "long": "a" * 300,
    "rare": "\U0001d518\U0001d52b \U0001f9ff \U000e0041 \ufffd \ufeff “quotes” \u2014 dash…",
    "empty": "",
}


def ids(tokenizer: openvino_genai.Tokenizer, text: str) -> list[int]:
    return [int(token) for token in tokenizer.encode(text).input_ids.data.ravel()]


@pytest.fixture(scope="module")
def ours(built_model: Path) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(built_model / "tokenizer")


@pytest.fixture(scope="module")
def engines(built_model: Path) -> openvino_genai.Tokenizer:
    return openvino_genai.Tokenizer(str(next(built_model.glob("repository/*/1/engine"))))


@pytest.fixture(scope="module")
def openvinos(smollm2_gguf: Path) -> openvino_genai.Tokenizer:
    return openvino_genai.Tokenizer(str(smollm2_gguf))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_all_three_agree_on_the_default_model(
    ours: PreTrainedTokenizerFast,
    engines: openvino_genai.Tokenizer,
    openvinos: openvino_genai.Tokenizer,
    text: str,
) -> None:
    mine = ours.encode(text, add_special_tokens=False)
    assert mine == ids(openvinos, text)
    assert mine == ids(engines, text)
    assert ours.decode(mine) == text


def test_the_engine_has_the_same_vocabulary(
    ours: PreTrainedTokenizerFast, engines: openvino_genai.Tokenizer, openvinos: openvino_genai.Tokenizer
) -> None:
    assert engines.get_vocab() == openvinos.get_vocab()
    assert len(engines.get_vocab()) == len(ours.get_vocab()) == 49152


@pytest.fixture(scope="module")
def as_qwen2(tmp_path_factory: pytest.TempPathFactory, smollm2_gguf: Path) -> Path:
    """The real vocabulary and merges under Qwen's pre-tokenizer, with a tokenizer folder beside it."""
    real = read_gguf(smollm2_gguf).vocabulary
    folder = tmp_path_factory.mktemp("qwen2")
    vocabulary = Vocabulary("gpt2", "qwen2", real.tokens, real.types, real.merges, eos=2)
    path = write_gguf(folder / "model.gguf", vocabulary, "qwen2")
    write_tokenizer(read_gguf(path), folder / "tokenizer")
    return path


@pytest.fixture(scope="module")
def our_qwen2(as_qwen2: Path) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(as_qwen2.with_name("tokenizer"))


@pytest.fixture(scope="module")
def openvinos_qwen2(as_qwen2: Path) -> openvino_genai.Tokenizer:
    return openvino_genai.Tokenizer(str(as_qwen2))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_qwen2_agrees_but_for_composing(
    our_qwen2: PreTrainedTokenizerFast, openvinos_qwen2: openvino_genai.Tokenizer, text: str
) -> None:
    """Qwen's own tokenizer composes characters (NFC) before it cuts; OpenVINO's reading of a GGUF file leaves
    that out. Ours follows the model's; on composed text the two agree."""
    mine = our_qwen2.encode(text)
    composed = unicodedata.normalize("NFC", text)
    assert mine == our_qwen2.encode(composed) == ids(openvinos_qwen2, composed)
    if composed != text:
        assert ids(openvinos_qwen2, text) != mine
