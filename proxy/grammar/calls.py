"""The calls of an answer, from what the family writes around them: what follows the trigger, up to the end."""

from __future__ import annotations

from collections.abc import Sequence

from ..syntax import CallSyntax
from .rules import Expr, Grammar, Text, choice, letters, repeat, sequence


def calls(
    grammar: Grammar, syntax: CallSyntax, branches: Sequence[tuple[str, Expr]], least: int, most: int
) -> Expr:
    """branches: the name of each tool and its arguments as the family writes them. least, most: how many calls
    there are, at least one."""
    named = [sequence(name, syntax.after_name, arguments) for name, arguments in branches]
    # Where parameters may be left out, what follows them may begin as they do.
    end = Text(syntax.after_call) if syntax.parameters is None else letters(syntax.after_call)
    call = grammar.rule(sequence(syntax.before_name, choice(named), end), "c")
    more = repeat(sequence(syntax.between, call), max(least, 1) - 1, most - 1)
    return grammar.rule(sequence(syntax.first, call, more, syntax.last), "c")
