"""Messages that are too long for the context in, those that fit out: what the model reads at most of them.

The oldest go first. System messages stay, the last message stays, and an assistant message with tool calls goes
together with their results. If that is still too long, the last message's text loses its beginning. Source: API
contract, section 8.

Templates are opaque, so what a choice of messages costs is found by rendering it. Control tokens part a rendered
prompt into pieces that are tokenized apart, and a message whose neighbours are dropped stays the same piece: each
piece is tokenized once, and every further choice costs a rendering and a sum. Only a text that is itself cut is
tokenized again, and by then it is no longer than the context.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import InvalidRequest
from .extras import Extras
from .search import least_cut
from .template import NO_EXTRAS, ChatTemplate, Piece
from .tokenizer import Tokenizer
from .turns import Message, Turns


class PromptTooLong(Exception):
    """tokens: what does not fit. alone: that is not the whole prompt, but what must stay of it."""

    def __init__(self, tokens: int, *, alone: bool = False) -> None:
        super().__init__(f"{tokens} tokens")
        self.tokens = tokens
        self.alone = alone


class Truncation:
    """Fits one conversation. limit: tokens that the rendered prompt may have. extras: what all of it is rendered
    with; none of that goes."""

    def __init__(
        self, template: ChatTemplate, tokenizer: Tokenizer, limit: int, extras: Extras = NO_EXTRAS
    ) -> None:
        self._template = template
        self._extras = extras
        self._tokenizer = tokenizer
        self._limit = limit
        self._known: dict[Piece, list[int]] = {}

    def ids(self, messages: Sequence[Message]) -> list[int]:
        """The rendered prompt's ids. Raises InvalidRequest for messages that the template refuses."""
        ids: list[int] = []
        for piece in self._template.pieces(messages, self._extras):
            ids += self._ids(piece)
        return ids

    def size(self, messages: Sequence[Message]) -> int:
        """How many ids those are."""
        return sum(len(self._ids(piece)) for piece in self._template.pieces(messages, self._extras))

    def kept(self, messages: Sequence[Message]) -> list[Message]:
        """The most of messages that fits; they do not all. Raises PromptTooLong if what must stay does not, and
        InvalidRequest if the template refuses it."""
        turns = Turns(messages)
        rest, tokens = self._rendered(turns, turns.count)
        if tokens > self._limit:
            return self._cut(rest)
        whole = self.size(messages)
        first = least_cut(
            turns.count,
            whole - self._limit,
            lambda first: self._rendered(turns, first)[1] - self._limit,
            lambda tokens: turns.first_characters(tokens / whole),
        )
        return self._rendered(turns, first)[0]

    def _rendered(self, turns: Turns, first: int) -> tuple[list[Message], int]:
        """What is left from a turn on, and its size. Where the template refuses an answer without its question,
        the turns up to the next question go too; where it wants one question at least, the last one stays."""
        for start in (first, turns.question_from(first), turns.count, turns.last_question):
            messages = turns.since(start)
            try:
                return messages, self.size(messages)
            except InvalidRequest as error:
                refusal = error
        raise refusal

    def _cut(self, messages: Sequence[Message]) -> list[Message]:
        """messages with the last one's text shortened, such that one character more would not fit."""
        *before, last = messages
        text = "" if last["role"] == "system" else str(last["content"])

        def without(characters: int) -> list[Message]:
            return [*before, {**last, "content": text[characters:]}] if text else [*before, last]

        least = self.size(without(len(text)))
        if least > self._limit:
            raise PromptTooLong(least, alone=True)
        return without(
            least_cut(
                len(text),
                self.size(messages) - self._limit,
                lambda characters: self.size(without(characters)) - self._limit,
                self._skipper(messages, without(len(text))),
            )
        )

    def _skipper(self, whole: Sequence[Message], empty: Sequence[Message]) -> Callable[[int], int]:
        """A function from tokens to how many characters of the last message's text they are, from its beginning:
        a guess, for templates may do with the text what they like. empty: the messages without that text."""
        pieces, others = (self._template.pieces(messages, self._extras) for messages in (whole, empty))
        same = _same(pieces, others)
        head = pieces[same].text[: _same(pieces[same].text, others[same].text)] if same < len(others) else ""
        data = [self._tokenizer.raw_bytes(token) for piece in pieces[same:] for token in self._ids(piece)]
        first, before = 0, len(head.encode())
        while before > 0 and first < len(data):
            before -= len(data[first])
            first += 1
        return lambda tokens: len(b"".join(data[first : first + tokens]).decode(errors="replace"))

    def _ids(self, piece: Piece) -> list[int]:
        ids = self._known.get(piece)
        if ids is None:
            encode = self._tokenizer.encode_plain if piece.plain else self._tokenizer.encode
            ids = self._known[piece] = encode(piece.text)
        return ids


def _same(one: Sequence[object], other: Sequence[object]) -> int:
    """How many items they have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))
