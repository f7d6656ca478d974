"""One sample of an answer: the engine's tokens in, events out. Synchronous; each token is looked at once."""

from __future__ import annotations

from dataclasses import replace

from .errors import EngineFailed
from .events import Event, LogProb
from .formats.parser import Parser
from .generation import Tokens
from .prompt.detokenizer import Detokenizer
from .prompt.tokenizer import Tokenizer
from .stops import StopCutter, StopStrings


class Choice:
    """Detokenizer, stop strings and format parser of one sample, in this order.

    tokens: how many ids the sample consists of so far, up to the one that completed a stop string.
    done: the Done event is out; further tokens of the engine are not the client's. start: how many characters the
    answer's text has before the sample's own.
    """

    def __init__(
        self, tokenizer: Tokenizer, stops: StopStrings, parser: Parser, *, log_probs: bool, start: int = 0
    ) -> None:
        self._tokenizer = tokenizer
        self._detokenizer = Detokenizer(tokenizer.bytes_of)
        self._stops = StopCutter(stops)
        self._parser = parser
        self._log_probs = _LogProbQueue(start) if log_probs else None
        self.tokens = 0
        self.cached_blocks = 0
        self.done = False

    @property
    def cut(self) -> bool:
        """Whether a stop string ended it."""
        return self._stops.hit

    def feed(self, tokens: Tokens) -> list[Event]:
        """The events of an engine's response. Raises EngineFailed for an id outside the vocabulary."""
        if tokens.cached_blocks:
            self.cached_blocks = tokens.cached_blocks
        shown = []
        for position, token in enumerate(tokens.ids):
            self.tokens += 1
            if self._log_probs is not None:
                self._log_probs.put(self._log_prob(token, position, tokens, self._log_probs.seen))
            text = self._text(token)
            if text:
                shown.append(self._cut(text))
                if self._stops.hit:
                    break
        if tokens.finish is not None and not self._stops.hit:
            shown += [self._cut(self._detokenizer.finish()), "" if self._stops.hit else self._stops.finish()]
        return self._parse("".join(shown), tokens)

    def _text(self, token: int) -> str:
        try:
            return self._detokenizer.feed(token)
        except IndexError as error:
            raise EngineFailed(
                "The model's engine answered with an unknown token; tell the operator to build the model again."
            ) from error

    def _cut(self, text: str) -> str:
        if self._log_probs is not None:
            self._log_probs.grow(len(text))
        return self._stops.feed(text)

    def _parse(self, text: str, tokens: Tokens) -> list[Event]:
        self.done = self._stops.hit or tokens.finish is not None
        entries: tuple[LogProb, ...] = ()
        if self._log_probs is not None:
            whole = self.done and not self._stops.hit
            entries = self._log_probs.take(len(text), whole=whole)
        events = self._parser.feed(text, entries) if text or entries else []
        if self._stops.hit:
            events += self._parser.finish("stop")
        elif tokens.finish is not None:
            events += self._parser.finish(tokens.finish)
        return events

    def _log_prob(self, token: int, position: int, tokens: Tokens, offset: int) -> LogProb:
        top = tokens.top_log_probs[position] if tokens.top_log_probs else ()
        entries = tuple(self._entry(*one) for one in top)
        return replace(self._entry(token, tokens.log_probs[position]), top=entries, offset=offset)

    def _entry(self, token: int, value: float) -> LogProb:
        return LogProb(self._tokenizer.text_of(token), self._tokenizer.raw_bytes(token), value)


class _LogProbQueue:
    """Holds the log-probs of tokens back for as long as their text is: a token is shown with the text that
    its first character is in, and never if a stop string cuts that off. start: where the first begins. seen: where
    the next token's text begins."""

    def __init__(self, start: int) -> None:
        self._waiting: list[LogProb] = []
        self._shown = start
        self.seen = start

    def put(self, entry: LogProb) -> None:
        """A token whose text begins where the text seen so far ends."""
        self._waiting.append(entry)

    def grow(self, characters: int) -> None:
        self.seen += characters

    def take(self, characters: int, *, whole: bool) -> tuple[LogProb, ...]:
        """The tokens of the next shown characters; all that wait if the text is whole."""
        self._shown += characters
        ready = len(self._waiting) if whole else sum(entry.offset < self._shown for entry in self._waiting)
        entries = tuple(self._waiting[:ready])
        del self._waiting[:ready]
        return entries
