"""The grammar of a whole answer, from what the family writes around text, calls and thoughts.

::

    root ::= "<think>" thought | answer          thought ::= .. "</think>" "\\n\\n" answer
    answer ::= "{" ..                            with a schema
             | "<tool_call>" calls               where calls are required
             | free text, "<tool_call>" calls    where they are not
"""

from __future__ import annotations

from dataclasses import dataclass

from ..syntax import CallSyntax, Syntax, Thinking
from .free_text import Exit, free_text
from .rules import Expr, Grammar, Rule, choice, letters, sequence


@dataclass(frozen=True, slots=True)
class Answer:
    """The parts that an answer can have. schema: its text, where a schema says what that is. calls: what follows
    the trigger, where there may be calls. must_call: whether there is nothing else."""

    syntax: Syntax
    schema: Expr | None
    calls: Expr | None
    must_call: bool


class AnswerGrammar:
    """text: the whole grammar for where a prompt leaves the sample. All of them share their rules."""

    def __init__(self, grammar: Grammar, answer: Answer) -> None:
        self._grammar = grammar
        self._syntax = answer.syntax
        self._answer = grammar.rule(_Writer(grammar, answer).expr(), "a")
        self._roots: dict[Thinking, Expr] = {"never": self._answer}
        if self._syntax.thought is not None:
            thought = self._thought(self._syntax.thought.closing, self._syntax.thought.after)
            self._roots["inside"] = thought
            opened = sequence(letters(self._syntax.thought.opening), thought)
            self._roots["may"] = choice([opened, self._answer])

    def texts(self) -> dict[Thinking, str]:
        """Raises Unsatisfiable and TooLarge."""
        return {thinking: self._grammar.text(root) for thinking, root in self._roots.items()}

    def _thought(self, closing: str, after: str) -> Rule:
        ended = Exit(closing, sequence(after, self._answer))
        return free_text(self._grammar, [ended], self._syntax.markers, ends=False)


class _Writer:
    def __init__(self, grammar: Grammar, answer: Answer) -> None:
        self._grammar = grammar
        self._given = answer
        self._syntax = answer.syntax

    def expr(self) -> Expr:
        syntax, schema = self._syntax.calls, self._given.schema
        parts: list[Expr] = []
        if syntax is not None and self._given.calls is not None:
            anywhere = syntax.anywhere and not self._syntax.before_text
            if not self._given.must_call and schema is None and not self._syntax.before_text:
                return self._text(self._exits(syntax, self._given.calls, first=not anywhere))
            parts = [
                sequence(letters(out.word), out.then) for out in self._exits(syntax, self._given.calls, first=True)
            ]
        if not self._given.must_call:
            text = self._text([]) if schema is None else schema
            parts.append(sequence(letters(self._syntax.before_text), text))
        return choice(parts)

    def _exits(self, syntax: CallSyntax, calls: Expr, *, first: bool) -> list[Exit]:
        found = [Exit(syntax.trigger, calls, first)]
        if syntax.lead:
            found.append(Exit(syntax.lead + syntax.trigger, calls, first=True))
        return found

    def _text(self, exits: list[Exit]) -> Rule:
        thought = self._syntax.thought
        forbidden = {*self._syntax.markers, *((thought.opening, thought.closing) if thought else ())}
        return free_text(self._grammar, exits, forbidden, ends=True)
