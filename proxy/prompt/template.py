"""A model's chat template: messages and tools in, token ids out, and no text of a client ever read as a control
token.

Where client text spells a control token, or two texts could join to one, a marker takes its place
while the template renders. Trimming, ``tojson`` and string tests in templates thus see ordinary text;
afterwards the markers part the rendered prompt, and what the client spelled is tokenized as plain characters.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

from ..errors import InvalidRequest
from ..syntax import CallSyntax
from .abilities import Message, find_abilities
from .extras import Extras
from .history import History
from .tokenizer import Tokenizer

# Characters that are searched in well under 1 ms.
_SLICE = 1 << 14
NO_EXTRAS = Extras()


class Piece(NamedTuple):
    """Part of a rendered prompt. plain: it is a client's text; else the template's, with its control tokens."""

    text: str
    plain: bool


class ChatTemplate:
    """The template in ``folder/tokenizer_config.json`` (or chat_template.jinja), beside its tokenizer. calls: how
    the model writes calls, if it does. abilities: what the template can be told."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, calls: CallSyntax | None = None) -> None:
        self._renderer = PreTrainedTokenizerFast.from_pretrained(folder)
        self._tokenizer = tokenizer
        self._control = _Control(tokenizer.control, tokenizer.parting)
        self.abilities = find_abilities(partial(self._render, arguments={}))
        self._history = History(self.abilities, calls)

    def encode(self, messages: Sequence[Message], extras: Extras = NO_EXTRAS) -> list[int]:
        """The prompt's ids, ready for the model to answer. Raises InvalidRequest for messages that the
        template refuses."""
        ids: list[int] = []
        for text, plain in self.pieces(messages, extras):
            ids += self._tokenizer.encode_plain(text) if plain else self._tokenizer.encode(text)
        return ids

    def encode_text(self, text: str) -> list[int]:
        """The ids of a client's text that stands for itself, from the start of a prompt; none is control."""
        end = self._control.first_in(text)
        return self._tokenizer.encode(text[:end]) + self._tokenizer.encode_plain(text[end:])

    def pieces(self, messages: Sequence[Message], extras: Extras = NO_EXTRAS) -> list[Piece]:
        """The rendered prompt, parted where tokens cannot reach across. Raises InvalidRequest for messages that
        the template refuses."""
        tools = extras.tool_bodies()
        shield = _Shield(partial(self._control.found, self._control.pattern_for([*messages, *tools])))
        covered = [{key: shield.cover(value) for key, value in one.items()} for one in (*messages, *tools)]
        # What is put into the client's words from here on is the template's.
        told, told_tools = self._history.told(covered[: len(messages)], covered[len(messages) :])
        text = self._render(told, told_tools, arguments=extras.arguments)
        first, others = shield.split(text)
        pieces = self._control.part(first)
        for spelled, after in others:
            # What follows a spelled-out token is the middle of a text until the template's next control token.
            end = self._control.first_in(after)
            pieces += [Piece(spelled, True), Piece(after[:end], True), *self._control.part(after[end:])]
        return [piece for piece in pieces if piece.text]

    def _render(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, object]],
        *,
        arguments: Mapping[str, object],
    ) -> str:
        try:
            # Not by apply_chat_template, which takes a content of null for one that is missing. Without tools they
            # are None, as templates are written for it.
            told = list(tools) or None
            (text,), _ = render_jinja_template(
                conversations=[list(messages)],
                tools=told,
                chat_template=self._renderer.get_chat_template(tools=told),
                add_generation_prompt=True,
                **{**self._renderer.special_tokens_map, **arguments},
            )
            assert isinstance(text, str)
        except (TemplateError, TypeError, LookupError, AttributeError, ValueError) as error:
            raise InvalidRequest(
                f"The model's chat template cannot render these messages ({_reason(error)}); check their "
                "roles and order.",
                "messages",
            ) from error
        return text


class _Shield:
    """The spelled-out control tokens of one request, each behind a marker that no client can guess and no
    template changes: letters and digits only."""

    def __init__(self, spelled: Callable[[str], Iterator[re.Match[str]]]) -> None:
        self._spelled = spelled
        self._nonce = secrets.token_hex(8)
        self._covered: list[str] = []

    def cover(self, value: object) -> object:
        """value with its strings covered, at any depth."""
        if isinstance(value, str):
            return self._cover_text(value)
        if isinstance(value, Mapping):
            return {self.cover(key): self.cover(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.cover(inner) for inner in value]
        return value

    def _cover_text(self, text: str) -> str:
        parts, end = [], 0
        for match in self._spelled(text):
            parts += [text[end : match.start()], f"Q{self._nonce}Q{len(self._covered)}Q"]
            self._covered.append(match[0])
            end = match.end()
        return "".join([*parts, text[end:]])

    def split(self, text: str) -> tuple[str, list[tuple[str, str]]]:
        """A rendered prompt: the text up to the first marker, then for each marker what a client spelled there
        and the text up to the next one."""
        if not self._covered:
            return text, []
        # re.split puts the captured numbers at the odd places.
        first, *rest = re.split(f"Q{self._nonce}Q([0-9]+)Q", text)
        spelled = (self._covered[int(number)] for number in rest[::2])
        return first, list(zip(spelled, rest[1::2], strict=True))


class _Control:
    """Finds control tokens in texts. control: how they are written. parting: those that part a text."""

    def __init__(self, control: Sequence[str], parting: Collection[str]) -> None:
        self._parting = parting
        cuts = [(token[:cut], token[cut:]) for token in control for cut in range(1, len(token))]
        self._longest = max(map(len, control), default=0)
        whole = _alternatives(control)
        head = _alternatives({head for head, _ in cuts if not head.isalnum()})
        tail = _alternatives({tail for _, tail in cuts if not tail.isalnum()})
        # Without the look-ahead every character would be tried against every token.
        first = "".join(sorted({re.escape(token[0]) for token in control}))
        ahead = f"(?=[{first}])" if first else ""
        self._whole = re.compile(f"{ahead}(?:{whole})")
        self._head = re.compile(f"{ahead}(?:{head})\\Z")
        self._tail = re.compile(f"\\A(?:{tail})")
        self._with_edges = re.compile(f"{ahead}(?:{whole}|(?:{head})\\Z)|\\A(?:{tail})")

    def pattern_for(self, messages: Sequence[Message]) -> re.Pattern[str]:
        """What must not be read as a control token: whole ones; and where one text of the request ends with a
        beginning of one and another starts with an end, those too, for a template may join them."""
        heads = any(self._head.search(text, max(0, len(text) - self._longest)) for text in _texts(messages))
        joined = heads and any(self._tail.match(text) for text in _texts(messages))
        return self._with_edges if joined else self._whole

    def part(self, text: str) -> list[Piece]:
        """A template's text, cut before each control token that parts it."""
        cuts = [found.start() for found in self.found(self._whole, text) if found[0] in self._parting]
        return [Piece(text[start:end], False) for start, end in itertools.pairwise([0, *cuts, len(text)])]

    def first_in(self, text: str) -> int:
        """Where the first control token starts; the text's length if there is none."""
        found = next(self.found(self._whole, text), None)
        return len(text) if found is None else found.start()

    def found(self, pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
        """What finditer finds. It would keep the interpreter's lock from one match to the next, so the text is
        looked at slice by slice, each with as much of the next as a token that begins in it can reach into."""
        start = 0
        while start < len(text):
            end = start + _SLICE
            for match in pattern.finditer(text, start, end + self._longest):
                if match.start() >= end:
                    break
                yield match
                start = match.end()
            start = max(start, end)


def _texts(value: object) -> Iterator[str]:
    """The strings in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from (*_texts(key), *_texts(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _alternatives(texts: Collection[str]) -> str:
    """The longest that fits, or nothing where there is none."""
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)) or "(?!)"


def _reason(error: Exception) -> str:
    """A template's own complaint; anything else may quote what is inside the server."""
    return str(error)[:200] if isinstance(error, TemplateError) else "a field is missing or of the wrong type"
