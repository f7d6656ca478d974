"""The grammar of a whole answer, from what the family writes around text, calls and thoughts.

::

    root ::= "<think>" thought | answer          thought ::= .. "</think>" "\\n\\n" answer
    answer ::= "{" ..                            with a schema
             | "<tool_call>" calls               where calls are required
             | free text, "<tool_call>" calls    where they are not
"""

from __future__ import annotations

from dataclasses import dataclass

from ..syntax import Syntax, Thinking
from .free_text import Exit, free_text, one_of
from .rules import Expr, Grammar, Rule, choice, sequence


@dataclass(frozen=True, slots=True)
class Answer:
    """The parts that an answer can have. schema: its text, where a schema says what that is. calls: what follows
    the trigger, where there may be calls. must_call: whether there is nothing else."""

    syntax: Syntax
    schema: Expr | None
    calls: Expr | None
    must_call: bool


class AnswerGrammar:
    """The whole grammar, by where a prompt leaves the sample. All of them share their rules."""

    def __init__(self, grammar: Grammar, answer: Answer) -> None:
        self._grammar = grammar
        self._given = answer
        self._syntax = answer.syntax
        words, bare = self._parts()
        self._answer = grammar.rule(self._any_of(words, bare), "a")
        self._roots: dict[Thinking, Expr] = {"never": self._answer}
        if self._syntax.thought is not None:
            thought = self._thought(self._syntax.thought.closing, self._syntax.thought.after)
            self._roots["inside"] = thought
            self._roots["may"] = self._any_of([Exit(self._syntax.thought.opening, thought), *words], bare)

    def texts(self) -> dict[Thinking, str]:
        """Raises Unsatisfiable and TooLarge."""
        return {thinking: self._grammar.text(root) for thinking, root in self._roots.items()}

    def _parts(self) -> tuple[list[Exit], Expr | None]:
        """The words that an answer may begin with, and what it may be without them."""
        syntax, schema, before = self._syntax.calls, self._given.schema, self._syntax.before_text
        words = []
        if syntax is not None and self._given.calls is not None:
            if not self._given.must_call and schema is None and not before:
                return [], self._text([Exit(syntax.trigger, self._given.calls, first=not syntax.anywhere)])
            words.append(Exit(syntax.trigger, self._given.calls))
        if self._given.must_call:
            return words, None
        text = self._text([]) if schema is None else schema
        return ([*words, Exit(before, text)], None) if before else (words, text)

    def _any_of(self, words: list[Exit], bare: Expr | None) -> Expr:
        parts = [one_of(self._grammar, words)] if words else []
        return choice(parts if bare is None else [*parts, bare])

    def _text(self, exits: list[Exit]) -> Rule:
        thought = self._syntax.thought
        forbidden = {*self._syntax.markers, *((thought.opening, thought.closing) if thought else ())}
        return free_text(self._grammar, exits, forbidden, ends=True)

    def _thought(self, closing: str, after: str) -> Rule:
        ended = Exit(closing, sequence(after, self._answer))
        return free_text(self._grammar, [ended], self._syntax.markers, ends=False)
