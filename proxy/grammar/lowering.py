"""What the writers of each type ask of the compiler while they write."""

from __future__ import annotations

from typing import Protocol

from .automaton import Automaton
from .budget import Budget
from .json_value import Value
from .rules import Expr, Grammar
from .schema import Schema


class Lowering(Protocol):
    """grammar: takes the rules. budget: what the engine can be asked to carry. open_objects: nothing is closed
    that the schema leaves open."""

    grammar: Grammar
    budget: Budget
    open_objects: bool

    def rule(self, schemas: tuple[Schema, ...]) -> Expr:
        """The text of a value that satisfies all the schemas."""

    def finite(self, schemas: tuple[Schema, ...]) -> tuple[Value, ...] | None:
        """All values that satisfy them, where they are few."""

    def names(self, schemas: tuple[Schema, ...]) -> tuple[Automaton, bool]:
        """The strings that satisfy them; False: and perhaps more."""

    def mark(self, word: str) -> None:
        """This keyword is left to the check."""
