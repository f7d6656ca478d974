"""Everything about one model's prompts in one place: messages, text or ids in, a Prompt that fits out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidRequest
from ..syntax import CallSyntax
from .extras import Extras
from .template import NO_EXTRAS, ChatTemplate
from .tokenizer import Tokenizer
from .truncation import PromptTooLong, Truncation

# Tokens in which the end of a template says whether a thought is open.
_TAIL = 32


@dataclass(frozen=True, slots=True)
class Prompt:
    """ids: what the model reads. truncated: how many tokens of the client's prompt are not among them. text: the
    prompt as text, where it was given as that and is whole. tail: the end of a rendered prompt, control tokens
    spelled out."""

    ids: Sequence[int]
    truncated: int
    text: str | None = None
    tail: str = ""


class Prompter:
    """A model's tokenizer and template. folder: as a build leaves it (``tokenizer/``). vocab_size: see Tokenizer.
    pool: where long prompts are made, so that they do not hold up the tokens of others (``pool.run``). calls: how
    the model writes calls, if it does."""

    def __init__(
        self, folder: Path, vocab_size: int, pool: ThreadPoolExecutor, calls: CallSyntax | None = None
    ) -> None:
        self.tokenizer = Tokenizer(folder, vocab_size)
        self.pool = pool
        self._vocab_size = vocab_size
        self._template = ChatTemplate(folder, self.tokenizer, calls)

    def of_messages(
        self,
        messages: Sequence[Mapping[str, object]],
        limit: int,
        *,
        truncate: bool,
        extras: Extras = NO_EXTRAS,
    ) -> Prompt:
        """The prompt that a chat template makes, at most limit tokens long; see Truncation for what goes. extras:
        what the template is told beside the messages.

        Raises InvalidRequest for messages that the template refuses, PromptTooLong for those that do not fit.
        """
        truncation = Truncation(self._template, self.tokenizer, limit, extras)
        whole = truncation.ids(messages)
        ids = whole
        if len(whole) > limit:
            if not truncate:
                raise PromptTooLong(len(whole))
            ids = truncation.ids(truncation.kept(messages))
        tail = b"".join(map(self.tokenizer.raw_bytes, ids[-_TAIL:])).decode(errors="ignore")
        return Prompt(ids, len(whole) - len(ids), tail=tail)

    def of_text(self, text: str, limit: int, *, truncate: bool) -> Prompt:
        """The prompt of a bare text, none of it a control token, after the ids that the model's texts begin with.
        Raises InvalidRequest for a text of no tokens, PromptTooLong."""
        start = self.tokenizer.start
        ids = [*start, *self._template.encode_text(text)]
        if not ids:
            raise InvalidRequest("'prompt' must not be empty.", "prompt")
        return self._last(ids, len(start), limit, text, truncate=truncate)

    def of_ids(self, ids: Sequence[int], limit: int, *, truncate: bool) -> Prompt:
        """The prompt that the client tokenized. Raises InvalidRequest for an id that is none, PromptTooLong."""
        place = next((place for place, token in enumerate(ids) if token >= self._vocab_size), None)
        if place is not None:
            raise InvalidRequest(
                f"'prompt[{place}]' is not in the model's vocabulary: ids go up to {self._vocab_size - 1}; got "
                f"{ids[place]}.",
                f"prompt[{place}]",
            )
        return self._last(ids, 0, limit, None, truncate=truncate)

    def _last(self, ids: Sequence[int], kept: int, limit: int, text: str | None, *, truncate: bool) -> Prompt:
        """The first kept ids and the last others that fit; none of them begins inside a character."""
        if len(ids) <= limit:
            return Prompt(ids, 0, text)
        if not truncate:
            raise PromptTooLong(len(ids))
        start = len(ids) - limit + kept
        while start < len(ids) - 1 and self.tokenizer.is_inside_character(ids[start]):
            start += 1
        rest = [*ids[:kept], *ids[start:]]
        return Prompt(rest, len(ids) - len(rest))
