"""A model's tokenizer folder in; text to ids and ids to bytes out.

Client text and a template's own control tokens take different ways: ``<|im_end|>`` is one id where the
template wrote it and ten ordinary characters where a client did.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tokenizers import Tokenizer as HfTokenizer

# Tokenizing these takes well under a millisecond.
_SHORT_CHARACTERS = 1_000
_BYTE_TOKEN = re.compile(r"^<0x([0-9A-Fa-f]{2})>$")


class UnknownTokenizer(ValueError):
    """A tokenizer whose tokens cannot be turned into bytes; the message names the file."""


class Tokenizer:
    """The tokenizer of one model, read from ``folder/tokenizer.json``.

    vocab_size: rows of the model's logits, which may be more than there are tokens. bytes_of[id]: what the id adds
    to the text, in bytes; empty for control tokens and for rows without a token.
    control: the texts of the control tokens that client text must never become. parting: those of them before
    which a text can be cut without changing its ids. start: ids that the model's texts begin with, if it has such.
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
        self.parting = frozenset(token["content"] for token in added if _parts(token))
        self.start = _start(self._with_control)
        self.bytes_of = _byte_table(self._with_control, data.get("decoder"), added, path)
        self.bytes_of += [b""] * (vocab_size - len(self.bytes_of))

    def encode(self, text: str) -> list[int]:
        """The ids of a template's text, its control tokens matched."""
        return _encode(self._with_control, text)

    def encode_plain(self, text: str) -> list[int]:
        """The ids of a client's text, none of them a control token."""
        ids = _encode(self._plain, text)
        # Token by token: isdisjoint would keep the interpreter's lock for all of them.
        if not any(token in self._control_ids for token in ids) or len(text) == 1:
            return ids
        # A vocabulary that holds the control token as an ordinary entry: take it apart.
        return [token for char in text for token in self.encode_plain(char)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, without control tokens and half characters."""
        return b"".join([self.bytes_of[token] for token in ids]).decode("utf-8", "ignore")

    def showing(self, markers: Iterable[str]) -> list[bytes]:
        """bytes_of with these control tokens spelled out, as far as the vocabulary has them."""
        table = list(self.bytes_of)
        for marker in markers:
            token = self._with_control.token_to_id(marker)
            if token is not None:
                table[token] = marker.encode()
        return table

    def is_inside_character(self, token: int) -> bool:
        """Whether the id's bytes go on with a character that began before."""
        return 0x80 <= self.bytes_of[token][:1].ljust(1)[0] < 0xC0

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


def _encode(tokenizer: HfTokenizer, text: str) -> list[int]:
    """The ids of a text, with the interpreter's lock let go for a long one: only batches do that, and they cost
    more than a short text does. The fast ones keep no offsets, which would take as long to free as all may."""
    if len(text) <= _SHORT_CHARACTERS:
        encoded = tokenizer.encode(text, add_special_tokens=False)
    else:
        (encoded,) = tokenizer.encode_batch_fast([text], add_special_tokens=False)
    ids: list[int] = encoded.ids
    return ids


def _parts(token: Mapping[str, object]) -> bool:
    """Whether an added token is found whatever stands before it, and leaves that as it is."""
    return not any(token.get(flag) for flag in ("lstrip", "single_word", "normalized"))


def _start(tokenizer: HfTokenizer) -> tuple[int, ...]:
    """What the tokenizer puts in front of a text (and not behind it)."""
    ids: list[int] = tokenizer.encode("a", add_special_tokens=True).ids
    bare: list[int] = tokenizer.encode("a", add_special_tokens=False).ids
    return tuple(ids[: ids.index(bare[0])]) if bare and bare[0] in ids else ()


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
