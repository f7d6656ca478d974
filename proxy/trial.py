"""One attempt at a constrained sample: its events in, those that can be shown out, judged when it has ended."""

from __future__ import annotations

from .choice import Choice
from .constraint import Constraint
from .events import Content, Done, Event, Reasoning, ToolArguments, ToolStart
from .grammar.said import Said
from .shown import Shown


class Violated(Exception):
    """An attempt that broke its constraint; the text says how."""


class Trial:
    """choice: what the events come from. shown: where what was given out unjudged is kept, if the constraint wants
    answers buffered. final: whether something was given out that cannot be kept."""

    def __init__(self, constraint: Constraint, choice: Choice, shown: Shown) -> None:
        self._constraint = constraint
        self._choice = choice
        self._texts: list[str] = []
        self._names: list[str] = []
        self._arguments: list[list[str]] = []
        self._shown = shown
        self._held: list[Event] = []
        self.final = False

    async def hear(self, events: list[Event]) -> list[Event]:
        """What can be shown now. Raises Violated."""
        for event in events:
            self._note(event)
        last = events[-1]
        if isinstance(last, Done):
            events = [*self._held, *events[:-1], await self._judged(last)]
        elif self._constraint.buffered:
            return self._unbound(events)
        self.final = True
        return events

    def _unbound(self, events: list[Event]) -> list[Event]:
        """What of a buffered answer nothing binds: its thought, and its text where only calls are bound. It is
        given out as far as another attempt can go on behind it."""
        self._held += events
        unbound = Content | Reasoning if self._constraint.free_text else Reasoning
        if not all(isinstance(event, unbound) for event in events):
            self._shown.ended = True
        if self._shown.ended or not self._choice.resting:
            return []
        self._shown.keep()
        events, self._held = self._held, []
        return events

    def _note(self, event: Event) -> None:
        if isinstance(event, Content):
            self._texts.append(event.text)
        elif isinstance(event, ToolStart):
            self._names.append(event.name)
            self._arguments.append([])
        elif isinstance(event, ToolArguments):
            self._arguments[event.index].append(event.text)

    async def _judged(self, done: Done) -> Done:
        """An answer that was cut may end anywhere. One that the model ended inside a call or a thought is broken,
        although nothing more will come of it."""
        whole = done.finish != "length"
        if not whole and self._choice.finish != "stop":
            return done
        arguments = map("".join, self._arguments)
        calls = tuple(zip(self._names, arguments, strict=True))
        violation = await self._constraint.violation(Said("".join(self._texts), calls, whole))
        if violation is None:
            return done
        if self._choice.cut:
            return Done("length")
        raise Violated(violation)
