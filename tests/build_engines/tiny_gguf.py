"""Writes GGUF files of a few hundred kilobytes: two layers of random weights, a real vocabulary."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np

_WIDTH, _HEADS, _KV_HEADS, _HEAD, _FFN, _LAYERS = 64, 4, 2, 16, 96, 2

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA2 = (
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content }} </s>{% endif %}{% endfor %}"
)

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6


@dataclass
class Vocabulary:
    kind: str
    pre: str | None
    tokens: list[str]
    types: list[int]
    merges: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    bos: int | None = None
    eos: int | None = None
    template: str | None = CHATML


def byte_level(pre: str = "qwen2", words: tuple[str, ...] = ("Ġthe", "ing", "é", "1234", "[/v]")) -> Vocabulary:
    """256 bytes, what is needed to spell ``words`` by merging from the left, and ChatML's control tokens."""
    tokens, merges = list(_byte_letters()), []
    for word in words:
        spelt = "".join(_byte_letters()[byte] for byte in word.replace("Ġ", " ").encode())
        for end in range(2, len(spelt) + 1):
            if spelt[:end] not in tokens:
                tokens.append(spelt[:end])
                merges.append(f"{spelt[: end - 1]} {spelt[end - 1]}")
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    types = [NORMAL] * len(tokens) + [CONTROL] * 3 + [USER_DEFINED]
    tokens = [*tokens, *control, "<think>"]
    return Vocabulary("gpt2", pre, tokens, types, merges, eos=tokens.index("<|im_end|>"))


def sentence_piece(pieces: tuple[str, ...] = ("▁t", "he", "▁the", "in", "ing", "▁▁", "é")) -> Vocabulary:
    """Unknown, begin, end, 256 bytes, ``pieces`` (first is best) and single letters."""
    head = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    letters = [letter for letter in "▁theingoasrdlué.," if letter not in pieces]
    return Vocabulary(
        "llama",
        "default",
        [*head, *pieces, *letters],
        [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * (len(pieces) + len(letters)),
        scores=[0.0] * len(head) + [-float(rank) for rank in range(len(pieces) + len(letters))],
        bos=1,
        eos=2,
        template=LLAMA2,
    )


def write_gguf(
    path: Path, vocabulary: Vocabulary, architecture: str = "llama", context: int = 256, padding_rows: int = 0
) -> Path:
    """``padding_rows``: rows of logits beyond the vocabulary."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(context)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FFN)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_key_length(_HEAD)
    writer.add_value_length(_HEAD)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    _add_vocabulary(writer, vocabulary)
    _add_tensors(writer, architecture, len(vocabulary.tokens) + padding_rows)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model(vocabulary.kind)
    if vocabulary.pre is not None:
        writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    if vocabulary.merges:
        writer.add_token_merges(vocabulary.merges)
    if vocabulary.scores:
        writer.add_token_scores(vocabulary.scores)
    if vocabulary.bos is not None:
        writer.add_bos_token_id(vocabulary.bos)
    if vocabulary.eos is not None:
        writer.add_eos_token_id(vocabulary.eos)
    if vocabulary.template is not None:
        writer.add_chat_template(vocabulary.template)


def _add_tensors(writer: gguf.GGUFWriter, architecture: str, rows: int) -> None:
    random = np.random.default_rng(7)

    def matrix(name: str, out: int, width: int) -> None:
        writer.add_tensor(name, random.normal(0, 0.2, (out, width)).astype(np.float16))

    def ones(name: str, width: int) -> None:
        writer.add_tensor(name, np.ones(width, np.float32))

    matrix("token_embd.weight", rows, _WIDTH)
    ones("output_norm.weight", _WIDTH)
    matrix("output.weight", rows, _WIDTH)
    shapes = {"attn_q": _HEADS * _HEAD, "attn_k": _KV_HEADS * _HEAD, "attn_v": _KV_HEADS * _HEAD}
    for block in (f"blk.{layer}." for layer in range(_LAYERS)):
        for name, out in {**shapes, "attn_output": _WIDTH, "ffn_gate": _FFN, "ffn_up": _FFN}.items():
            matrix(f"{block}{name}.weight", out, _WIDTH)
        matrix(f"{block}ffn_down.weight", _WIDTH, _FFN)
        ones(f"{block}attn_norm.weight", _WIDTH)
        ones(f"{block}ffn_norm.weight", _WIDTH)
        if architecture == "qwen2":
            for name, out in shapes.items():
                writer.add_tensor(f"{block}{name}.bias", np.zeros(out, np.float32))
        if architecture == "qwen3":
            ones(f"{block}attn_q_norm.weight", _HEAD)
            ones(f"{block}attn_k_norm.weight", _HEAD)


def _byte_letters() -> list[str]:
    """The letter with which byte-level BPE writes each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    spare = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]
