"""A GGUF file in, what it says about its model out: architecture, context, vocabulary, chat template.

The keys are those of the GGUF specification (``<architecture>.context_length``, ``tokenizer.ggml.*``). Only
the header is read; the weights stay on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gguf import GGUFReader

from build_engines.recipe import BuildError

ARCHITECTURES = ("llama", "qwen2", "qwen3")
MAGIC = b"GGUF"

_Value = TypeVar("_Value", str, int, bool)
_Item = TypeVar("_Item", str, int, float)


class GgufError(BuildError):
    """A GGUF file that cannot be served; the message names the file, what is wrong and what would work."""


@dataclass(frozen=True)
class Vocabulary:
    """The tokenizer of the model.

    kind: ``gpt2`` (byte-level BPE, with ``merges`` and the name of a pre-tokenizer) or ``llama`` (SentencePiece
    BPE, with ``scores``). types, one for each token: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused,
    6 byte. ends: the ids the file itself names as ends of a turn or a text. add_bos, add_space_prefix: None
    where the file leaves it to the kind of tokenizer.
    """

    kind: str
    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    scores: list[float]
    bos: int | None
    ends: tuple[int, ...]
    unknown: int | None
    padding: int | None
    add_bos: bool | None
    add_space_prefix: bool | None


@dataclass(frozen=True)
class GgufModel:
    """context: in tokens. logits: rows of the output layer, at least the number of tokens. kv_elements: what the
    KV cache holds for one token, over all layers, keys and values."""

    path: Path
    architecture: str
    context: int
    logits: int
    kv_elements: int
    chat_template: str
    vocabulary: Vocabulary


def read_gguf(path: Path) -> GgufModel:
    """Reads the header of a GGUF file.

    Raises GgufError for a file that is missing, not GGUF, cut off or damaged, of an architecture other than
    ARCHITECTURES, or without what serving needs (context length, vocabulary, chat template).
    """
    check_magic(path)
    try:
        header = _Header(path)
        architecture = header.one("general.architecture", str)
        if architecture not in ARCHITECTURES:
            raise GgufError(
                f"{path}: architecture {architecture!r} cannot be served; "
                f"use a {', '.join(ARCHITECTURES[:-1])} or {ARCHITECTURES[-1]} model"
            )
        return _model(header, architecture)
    except GgufError:
        raise
    except (ValueError, IndexError, KeyError, OverflowError, TypeError) as error:
        raise GgufError(f"{path}: cut off or damaged ({error}); fetch the file again") from error


def check_magic(path: Path) -> None:
    """Raises GgufError unless ``path`` is a readable file that starts like a GGUF file."""
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError as error:
        raise GgufError(f"{path}: cannot be read ({error.strerror})") from error
    if start != MAGIC:
        raise GgufError(f"{path}: not a GGUF file")


def _model(header: _Header, architecture: str) -> GgufModel:
    vocabulary = _vocabulary(header)
    _check(vocabulary)
    logits = header.rows("output.weight") or header.rows("token_embd.weight") or 0
    if logits < len(vocabulary.tokens):
        raise GgufError(f"{header.path}: has {len(vocabulary.tokens)} tokens but only {logits} rows of logits")
    template = header.get("tokenizer.chat_template", str)
    if not template:
        raise GgufError(f"{header.path}: has no chat template; use the chat (instruct) version of the model")
    return GgufModel(
        path=header.path,
        architecture=architecture,
        context=header.one(f"{architecture}.context_length", int),
        logits=logits,
        kv_elements=_kv_elements(header, architecture),
        chat_template=template,
        vocabulary=vocabulary,
    )


def _kv_elements(header: _Header, architecture: str) -> int:
    heads = header.one(f"{architecture}.attention.head_count", int)
    kv_heads = header.get(f"{architecture}.attention.head_count_kv", int) or heads
    head = header.one(f"{architecture}.embedding_length", int) // heads
    keys = header.get(f"{architecture}.attention.key_length", int) or head
    values = header.get(f"{architecture}.attention.value_length", int) or head
    return header.one(f"{architecture}.block_count", int) * kv_heads * (keys + values)


def _vocabulary(header: _Header) -> Vocabulary:
    ggml = "tokenizer.ggml."
    kind = header.one(ggml + "model", str)
    tokens = header.all(ggml + "tokens", str)
    named = ("eos_token_id", "eot_token_id", "eom_token_id")
    ends = (header.get(ggml + name, int) for name in named)
    return Vocabulary(
        kind=kind,
        pre=header.get(ggml + "pre", str) or "default",
        tokens=tokens,
        types=header.all(ggml + "token_type", int) or [1] * len(tokens),
        merges=header.all(ggml + "merges", str),
        scores=header.all(ggml + "scores", float),
        bos=header.get(ggml + "bos_token_id", int),
        ends=tuple(dict.fromkeys(end for end in ends if end is not None)),
        unknown=header.get(ggml + "unknown_token_id", int),
        padding=header.get(ggml + "padding_token_id", int),
        add_bos=header.get(ggml + "add_bos_token", bool),
        add_space_prefix=header.get(ggml + "add_space_prefix", bool),
    )


def _check(vocabulary: Vocabulary) -> None:
    """Raises ValueError for lists that do not match and ids that are none."""
    size = len(vocabulary.tokens)
    for name, items in (("token types", vocabulary.types), ("scores", vocabulary.scores)):
        if items and len(items) != size:
            raise ValueError(f"{size} tokens, but {len(items)} {name}")
    named = [vocabulary.bos, vocabulary.unknown, vocabulary.padding, *vocabulary.ends]
    for index in named:
        if index is not None and index >= size:
            raise ValueError(f"token id {index} of {size} tokens")


class _Header:
    """Typed access to the key-value part and the tensor shapes of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = GGUFReader(path)

    def get(self, key: str, kind: type[_Value]) -> _Value | None:
        field = self._reader.get_field(key)
        return None if field is None else kind(field.contents())

    def one(self, key: str, kind: type[_Value]) -> _Value:
        value = self.get(key, kind)
        if value is None:
            raise GgufError(f"{self.path}: has no {key}")
        return value

    def all(self, key: str, kind: type[_Item]) -> list[_Item]:
        field = self._reader.get_field(key)
        return [] if field is None else [kind(item) for item in field.contents()]

    def rows(self, tensor: str) -> int | None:
        """Rows of a matrix; GGUF writes the row length first."""
        return next((int(found.shape[1]) for found in self._reader.tensors if found.name == tensor), None)
