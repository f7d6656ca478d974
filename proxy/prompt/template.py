"""A model's chat template: messages in, token ids out, and no text of a client ever read as a control token.

Where client text spells a control token, or ends or begins with a piece of one, a marker takes its place
while the template renders. Trimming, ``tojson`` and string tests in templates thus see ordinary text;
afterwards the markers part the rendered prompt, and what the client spelled is tokenized as plain characters.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast

from ..errors import InvalidRequest
from .tokenizer import Tokenizer


class ChatTemplate:
    """The template in ``folder/tokenizer_config.json`` (or chat_template.jinja), beside its tokenizer."""

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        self._renderer = PreTrainedTokenizerFast.from_pretrained(folder)
        self._tokenizer = tokenizer
        self._spelled = _control_pattern(tokenizer.control)

    def encode(self, messages: Sequence[Mapping[str, object]]) -> list[int]:
        """The prompt's ids, ready for the model to answer. Raises InvalidRequest for messages that the
        template refuses."""
        shield = _Shield(self._spelled)
        text = self._render([{key: shield.cover(value) for key, value in one.items()} for one in messages])
        ids = []
        for part, spelled in shield.split(text):
            ids += self._tokenizer.encode_plain(part) if spelled else self._tokenizer.encode(part)
        return ids

    def _render(self, messages: list[dict[str, object]]) -> str:
        try:
            text: str = self._renderer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        except (TemplateError, TypeError, KeyError) as error:
            raise InvalidRequest(
                f"The model's chat template cannot render these messages ({_reason(error)}); check their "
                "roles and order.",
                "messages",
            ) from error
        return text


class _Shield:
    """The spelled-out control tokens of one request, each behind a marker that no client can guess and no
    template changes: letters and digits only."""

    def __init__(self, spelled: re.Pattern[str]) -> None:
        self._spelled = spelled
        self._nonce = secrets.token_hex(8)
        self._covered: list[str] = []

    def cover(self, value: object) -> object:
        """value with its strings covered, at any depth."""
        if isinstance(value, str):
            return self._spelled.sub(self._marker, value)
        if isinstance(value, Mapping):
            return {self.cover(key): self.cover(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.cover(inner) for inner in value]
        return value

    def _marker(self, match: re.Match[str]) -> str:
        self._covered.append(match[0])
        return f"Q{self._nonce}Q{len(self._covered) - 1}Q"

    def split(self, text: str) -> list[tuple[str, bool]]:
        """The parts of a rendered prompt in order, and whether a client spelled them."""
        parts = re.split(f"Q{self._nonce}Q([0-9]+)Q", text)
        # re.split puts the captured numbers at the odd places.
        named = [
            (self._covered[int(part)], True) if place % 2 else (part, False)
            for place, part in enumerate(parts)
        ]
        return [(part, spelled) for part, spelled in named if part]


def _control_pattern(control: Sequence[str]) -> re.Pattern[str]:
    """Matches whole control tokens anywhere, a beginning of one at the end of a text, and an end of one at
    its start: two pieces of client text may meet in a template."""
    if not control:
        return re.compile(r"(?!)")
    cuts = [(token[:cut], token[cut:]) for token in control for cut in range(1, len(token))]
    whole = _alternatives(control)
    head = _alternatives({head for head, _ in cuts if not head.isalnum()})
    tail = _alternatives({tail for _, tail in cuts if not tail.isalnum()})
    first = "".join(sorted({re.escape(token[0]) for token in control}))
    return re.compile(f"(?=[{first}])(?:{whole}|(?:{head})\\Z)|\\A(?:{tail})")


def _alternatives(texts: Collection[str]) -> str:
    """The longest that fits, or nothing where there is none."""
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)) or "(?!)"


def _reason(error: Exception) -> str:
    """A template's own complaint; anything else may quote what is inside the server."""
    return str(error)[:200] if isinstance(error, TemplateError) else "a field is missing or of the wrong type"
