"""A model's tokenizer folder in; text to ids and ids to bytes out.

Client text and a template's own control tokens take different ways: ``<|im_end|>`` is one id where the
template wrote it and ten ordinary characters where a client did.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tokenizers import Tokenizer as HfTokenizer

_BYTE_TOKEN = re.compile(r"^<0x([0-9A-Fa-f]{2})>$")


class UnknownTokenizer(ValueError):
    """A tokenizer whose tokens cannot be turned into bytes; the message names the file."""


class Tokenizer:
    """The tokenizer of one model, read from ``folder/tokenizer.json``.

    vocab_size: rows of the model's logits, which may be more than there are tokens. bytes_of[id]: what the id adds
    to the text, in bytes; empty for control tokens and for rows without a token.
    control: the texts of the control tokens that client text must never become.
    Raises UnknownTokenizer for a decoder other than byte-level BPE and SentencePiece's.
    """

    def __init__(self, folder: Path, vocab_size: int = 0) -> None:
        path = folder / "tokenizer.json"
        data = json.loads(path.read_bytes())
        added = data.get("added_tokens", [])
        self._with_control = HfTokenizer.from_str(json.dumps(data))
        self._plain = HfTokenizer.from_str(json.dumps(_for_pieces(data)))
        # Runs of blanks that some tokenizers add to their vocabulary are text, not control tokens.
        self.control = tuple(token["content"] for token in added if token["content"].strip())
        self._control_ids = frozenset(token["id"] for token in added if token["content"].strip())
        self.bytes_of = _byte_table(self._with_control, data.get("decoder"), added, path)
        self.bytes_of += [b""] * (vocab_size - len(self.bytes_of))

    def encode(self, text: str) -> list[int]:
        """The ids of a template's text, its control tokens matched."""
        ids: list[int] = self._with_control.encode(text, add_special_tokens=False).ids
        return ids

    def encode_plain(self, text: str) -> list[int]:
        """The ids of a client's text, none of them a control token."""
        ids: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        if self._control_ids.isdisjoint(ids) or len(text) == 1:
            return ids
        # A vocabulary that holds the control token as an ordinary entry: take it apart.
        return [token for char in text for token in self.encode_plain(char)]

    def text_of(self, token: int) -> str:
        """How the id is written: its text, control tokens spelled out, ``bytes:\\xe0`` for part of a
        character."""
        data = self.raw_bytes(token)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)

    def raw_bytes(self, token: int) -> bytes:
        """The id's bytes, control tokens spelled out."""
        return self.bytes_of[token] or (self._with_control.id_to_token(token) or "").encode()


def _for_pieces(data: dict[str, object]) -> dict[str, object]:
    """The same tokenizer without control tokens, for pieces from the middle of a text: it adds no blank in front,
    as SentencePiece's do at the start of one."""
    return {
        **data,
        "added_tokens": [],
        "post_processor": None,
        "normalizer": _without_prefix(data.get("normalizer")),
        "pre_tokenizer": _without_prefix(data.get("pre_tokenizer")),
    }


def _without_prefix(stage: object) -> object:
    if isinstance(stage, list):
        inner = [_without_prefix(one) for one in stage]
        return [one for one in inner if one is not None]
    if not isinstance(stage, dict) or stage.get("type") == "Prepend":
        return None
    changes: dict[str, object] = {"prepend_scheme": "never"} if stage["type"] == "Metaspace" else {}
    for part in ("normalizers", "pretokenizers"):
        if part in stage:
            changes[part] = _without_prefix(stage[part])
    return {**stage, **changes}


def _byte_table(
    tokenizer: HfTokenizer, decoder: object, added: list[dict[str, object]], path: Path
) -> list[bytes]:
    vocabulary: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    kinds = _decoder_kinds(decoder)
    if "ByteLevel" in kinds:
        to_bytes = _byte_level
    elif "ByteFallback" in kinds or "Metaspace" in kinds:
        to_bytes = _sentencepiece
    else:
        raise UnknownTokenizer(f"{path}: neither a byte-level nor a SentencePiece decoder ({sorted(kinds)})")
    table = [b""] * (max(vocabulary.values()) + 1)
    for token, index in vocabulary.items():
        table[index] = to_bytes(token)
    for token_data in added:
        content = str(token_data["content"]).encode()
        table[int(str(token_data["id"]))] = b"" if token_data.get("special") else content
    return table


def _decoder_kinds(decoder: object) -> set[str]:
    if not isinstance(decoder, dict):
        return set()
    kinds = {str(decoder.get("type"))}
    for inner in decoder.get("decoders", ()):
        kinds |= _decoder_kinds(inner)
    return kinds


def _byte_level(token: str) -> bytes:
    return bytes(_ALPHABET[char] for char in token if char in _ALPHABET)


def _sentencepiece(token: str) -> bytes:
    byte = _BYTE_TOKEN.match(token)
    return bytes([int(byte[1], 16)]) if byte else token.replace("\u2581", " ").encode()


def _byte_alphabet() -> dict[str, int]:
    """Byte-level BPE writes each byte as one printable character (openai/gpt-2 ``encoder.py``): printable
    Latin-1 stands for itself, the other bytes for U+0100 and on, in order."""
    alphabet = {}
    others = 0
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255:
            alphabet[chr(byte)] = byte
        else:
            alphabet[chr(256 + others)] = byte
            others += 1
    return alphabet


_ALPHABET = _byte_alphabet()
