"""How the models of one family write calls, and how a build knows such a model."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..syntax import CallSyntax


@dataclass(frozen=True, slots=True)
class Signs:
    """What a model of the family is known by: texts that are all in its chat template, and added tokens, all of
    which it has. The architecture says nothing: Qwen3 and Qwen3-Coder share theirs."""

    template: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()

    def fit(self, template: str, tokens: frozenset[str]) -> bool:
        """Whether all are there; of no signs none ever are."""
        known = bool(self.template or self.tokens)
        return known and all(sign in template for sign in self.template) and tokens.issuperset(self.tokens)


@dataclass(frozen=True, slots=True)
class Family:
    """calls: None where the family cannot call. before_text, markers: see Syntax. channels: whether its answers
    are messages with headers, as harmony's, which have a parser of their own."""

    calls: CallSyntax | None = None
    before_text: str = ""
    markers: tuple[str, ...] = ()
    signs: Signs = field(default_factory=Signs)
    channels: bool = False
