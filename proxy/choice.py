"""One sample of an answer: the engine's tokens in, events out. Synchronous; each token is looked at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .errors import EngineFailed
from .events import Content, Done, Event, LogProb, Reasoning, ToolArguments
from .formats.parser import Parser
from .generation import FinishReason, Tokens
from .prompt.detokenizer import Detokenizer
from .prompt.tokenizer import Tokenizer
from .stops import StopCutter, StopStrings


class Choice:
    """Detokenizer, format parser and stop strings of one sample, in this order: a stop string ends the text that
    the client reads, and means nothing in a thought or a call.

    tokens: how many ids the sample consists of so far, up to the one that completed a stop string. thought_tokens:
    those of them that were written while it thought. done: the Done event is out; further tokens of the engine are
    not the client's. finish: why the engine ended, once it has. start: how many characters the answer's text has
    before the sample's own. bytes_of: what each id adds to what the parser reads, the tokenizer's own if not
    given.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        stops: StopStrings,
        parser: Parser,
        *,
        log_probs: bool,
        start: int = 0,
        bytes_of: Sequence[bytes] | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._detokenizer = Detokenizer(tokenizer.bytes_of if bytes_of is None else bytes_of)
        self._stops = StopCutter(stops)
        self._stopping = bool(stops.first)
        self._parser = parser
        self._log_probs = _LogProbQueue(start) if log_probs else None
        self._in_text = True
        self.tokens = 0
        self.thought_tokens = 0
        self.cached_blocks = 0
        self.done = False
        self.finish: FinishReason | None = None

    @property
    def cut(self) -> bool:
        """Whether a stop string ended it."""
        return self._stops.hit

    @property
    def thinking(self) -> bool:
        """Whether it is inside a thought."""
        return self._parser.thinking

    @property
    def resting(self) -> bool:
        """Whether it can be left here and gone on with by somebody who knows nothing but its tokens: inside a
        thought, or in text before any call, between two characters and outside of anything that may yet become a
        marker."""
        return self._parser.resting and self._detokenizer.whole

    def feed(self, tokens: Tokens) -> list[Event]:
        """The events of an engine's response. Raises EngineFailed for an id outside the vocabulary."""
        if tokens.cached_blocks:
            self.cached_blocks = tokens.cached_blocks
        events: list[Event] = []
        texts = []
        for position, token in enumerate(tokens.ids):
            self.tokens += 1
            self.thought_tokens += self._parser.thinking
            text = self._text(token)
            if self._log_probs is not None:
                self._log_probs.put(self._log_prob(token, position, tokens), len(text))
            texts.append(text)
            # Otherwise nobody needs to know which of a response's tokens it was.
            if self._stopping or self._parser.thinking:
                events += self._read("".join(texts))
                texts.clear()
                if self._stops.hit:
                    break
        if texts:
            events += self._read("".join(texts))
        if self._stops.hit:
            events.append(Done("stop"))
        elif tokens.finish is not None:
            events += self._end(tokens.finish)
        self.done = bool(events) and isinstance(events[-1], Done)
        return _joined(events)

    def interject(self, text: str) -> list[Event]:
        """The events of a text that the model did not write but will find in its prompt: of no tokens. What it had
        written of a character is dropped."""
        self._detokenizer.finish()
        if self._log_probs is not None:
            self._log_probs.skip(len(text))
        return _joined(self._read(text))

    def _text(self, token: int) -> str:
        try:
            return self._detokenizer.feed(token)
        except IndexError as error:
            raise EngineFailed(
                "The model's engine answered with an unknown token; tell the operator to build the model again."
            ) from error

    def _read(self, text: str) -> list[Event]:
        return self._shown(self._parser.feed(text)) if text else []

    def _end(self, reason: FinishReason) -> list[Event]:
        self.finish = reason
        events = self._read(self._detokenizer.finish())
        if not self._stops.hit:
            events += self._shown(self._parser.finish(reason))
        return [*events, Done("stop")] if self._stops.hit else events

    def _shown(self, events: list[Event]) -> list[Event]:
        """What stop strings leave of the events, with the log-probs of their tokens."""
        if not self._stopping and self._log_probs is None:
            return events
        shown: list[Event] = []
        for event in events:
            if isinstance(event, Content):
                shown += self._content(event)
                if self._stops.hit:
                    break
            else:
                shown += self._rest(whole=self._in_text and isinstance(event, Done))
                shown.append(event)
                self._in_text = False
        return shown

    def _content(self, event: Content) -> list[Event]:
        self._in_text = True
        if self._log_probs is not None:
            self._log_probs.expect(event)
        return self._with_log_probs(self._stops.feed(event.text))

    def _rest(self, *, whole: bool) -> list[Event]:
        """What was held back in case it became a stop string. whole: and the tokens behind it."""
        return self._with_log_probs(self._stops.finish(), whole=whole)

    def _with_log_probs(self, text: str, *, whole: bool = False) -> list[Event]:
        entries = () if self._log_probs is None else self._log_probs.take(len(text), whole=whole)
        return [Content(text, entries)] if text or entries else []

    def _log_prob(self, token: int, position: int, tokens: Tokens) -> LogProb:
        top = tokens.top_log_probs[position] if tokens.top_log_probs else ()
        entries = tuple(self._entry(*one) for one in top)
        return replace(self._entry(token, tokens.log_probs[position]), top=entries)

    def _entry(self, token: int, value: float) -> LogProb:
        return LogProb(self._tokenizer.text_of(token), self._tokenizer.raw_bytes(token), value)


def _joined(events: list[Event]) -> list[Event]:
    """The events with neighbours of one kind as one: fewer chunks to send."""
    if len(events) < 2:
        return events
    joined = [events[0]]
    for event in events[1:]:
        last = joined[-1]
        if isinstance(event, Content) and isinstance(last, Content):
            joined[-1] = Content(last.text + event.text, last.log_probs + event.log_probs, last.start)
        elif isinstance(event, Reasoning) and isinstance(last, Reasoning):
            joined[-1] = Reasoning(last.text + event.text)
        elif isinstance(event, ToolArguments) and isinstance(last, ToolArguments) and event.index == last.index:
            joined[-1] = ToolArguments(event.index, last.text + event.text)
        else:
            joined.append(event)
    return joined


class _LogProbQueue:
    """Holds the log-probs of tokens back for as long as their text is: a token is shown with the content that its
    first character is in, and never if a stop string cuts that off, or if it is no content. start: what is added
    to the offsets."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._written = 0
        self._waiting: list[LogProb] = []
        self._pieces: list[tuple[int, int]] = []
        self._shown = 0

    def put(self, entry: LogProb, characters: int) -> None:
        """A token whose text, of so many characters, follows what was written so far."""
        self._waiting.append(replace(entry, offset=self._start + self._written))
        self._written += characters

    def skip(self, characters: int) -> None:
        """So many characters are of no token."""
        self._written += characters

    def expect(self, content: Content) -> None:
        """The next content that will be shown, or cut off."""
        if content.start > self._end:
            # What stands between is no content.
            self._pieces.append((content.start, len(content.text)))
        elif self._pieces:
            begin, size = self._pieces.pop()
            self._pieces.append((begin, size + len(content.text)))
        else:
            self._pieces.append((content.start, len(content.text)))

    @property
    def _end(self) -> int:
        """Where the content that is known so far ends."""
        return sum(self._pieces[-1]) if self._pieces else self._shown

    def take(self, characters: int, *, whole: bool) -> tuple[LogProb, ...]:
        """The tokens of the next shown characters; whole: and all that follow at once."""
        entries: list[LogProb] = []
        while characters and self._pieces:
            begin, size = self._pieces.pop(0)
            taken = min(size, characters)
            entries += self._between(begin, begin + taken)
            self._shown = begin + taken
            characters -= taken
            if taken < size:
                self._pieces.insert(0, (begin + taken, size - taken))
        if whole and not self._pieces:
            entries += self._between(self._shown, self._written + 1)
        return tuple(entries)

    def _between(self, begin: int, end: int) -> list[LogProb]:
        """The waiting tokens that begin there; those before are no content's."""
        begin, end = begin + self._start, end + self._start
        found = [entry for entry in self._waiting if begin <= entry.offset < end]
        self._waiting = [entry for entry in self._waiting if entry.offset >= end]
        return found
