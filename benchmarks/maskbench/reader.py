"""An EBNF grammar in, what it says of a text out. llguidance reads it, with every byte a token of its own.

Its own way of reading EBNF makes lexer terminals of rules that are not recursive, of which the longest match
counts: it may refuse what the grammar allows. Read exactly, every character is a terminal of its own::

    v1 ::= "ab" [0-9]*      ->      v1: "a" "b" /[0-9]/*
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper
from llguidance.gbnf_to_lark import gbnf_to_lark

END = 256


class Unreadable(ValueError):
    """llguidance does not take the grammar, or gave up on a text."""


class _Bytes:
    """A tokenizer as llguidance wants it: the token of a byte is the byte."""

    eos_token_id = END
    bos_token_id = None
    tokens: ClassVar[list[bytes]] = [*(bytes([byte]) for byte in range(256)), b"<end>"]
    special_token_ids: ClassVar[list[int]] = [END]

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)


# Wide: what is judged is the grammar, not how patient its reader is.
_LIMITS = LLParserLimits(initial_lexer_fuel=50_000_000, step_lexer_fuel=50_000_000, step_max_items=5_000_000)
_EXACT_LIMITS = LLParserLimits(step_lexer_fuel=50_000_000, step_max_items=50_000_000, max_items_in_row=1_000_000)
_TOKENIZER = LLTokenizer(TokenizerWrapper(_Bytes()), n_vocab=END + 1, slices=[])


_WORD = re.compile(r"""("(?:[^"\\]|\\.)*")|(\[(?:[^]\\]|\\.)*\])|::=|[a-z][a-z0-9]*|.""", re.DOTALL)
_LETTER = re.compile(r"\\x[0-9a-f]{2}|\\.|[^\\]", re.DOTALL)


class Reader:
    """Reads one grammar. exactly: as it is meant, not in llguidance's way. Raises Unreadable where llguidance
    refuses it."""

    def __init__(self, ebnf: str, *, exactly: bool = False) -> None:
        try:
            lark = _exact_lark(ebnf) if exactly else gbnf_to_lark(ebnf)
        except Exception as error:  # it raises a bare one for a rule that is not there
            raise Unreadable(str(error)) from error
        self._matcher = LLMatcher(_TOKENIZER, lark, log_level=0, limits=_EXACT_LIMITS if exactly else _LIMITS)
        self._sound()

    def accepts(self, text: str) -> bool:
        """Whether the whole text is one that the grammar describes."""
        return self.taken(text) is None

    def taken(self, text: str) -> str | None:
        """None for a text that is accepted; else the part of it that can begin an accepted one."""
        data = text.encode()
        self._matcher.reset()
        count = self._matcher.try_consume_tokens(list(data))
        self._sound()
        if count == len(data) and self._matcher.is_accepting():
            return None
        return data[:count].decode(errors="ignore")

    def written(self, choose: Callable[[list[int]], int], most: int) -> str | None:
        """A text of the grammar, or None where it grows past `most` bytes.
        choose: picks one of the bytes that may come next; END among them ends the text."""
        self._matcher.reset()
        data = bytearray()
        while len(data) < most:
            allowed = [byte for byte, bias in enumerate(self._matcher.compute_logit_bias()) if bias]
            self._sound()
            if not allowed:
                raise Unreadable(f"nothing may follow {bytes(data)!r}")
            byte = choose(allowed)
            if byte == END:
                return data.decode()
            data.append(byte)
            self._matcher.consume_token(byte)
        return None

    def _sound(self) -> None:
        if self._matcher.is_error():
            raise Unreadable(self._matcher.get_error().partition("\n")[0])


def _exact_lark(ebnf: str) -> str:
    return "%llguidance {}\n" + _WORD.sub(_exact_word, ebnf)


def _exact_word(found: re.Match[str]) -> str:
    word, literal, characters = found[0], found[1], found[2]
    if literal:
        return " ".join(f'"{letter}"' for letter in _LETTER.findall(literal[1:-1])) or '""'
    if characters:
        return f"/{characters}/"
    return {"::=": ":", "root": "start"}.get(word, word)
