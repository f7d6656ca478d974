"""What a regular expression says, as a tree: ``^a*`` is ``Concatenation((START, Repetition(a, 0, None)))``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .intervals import Intervals


class InvalidPattern(ValueError):
    """The text is no regular expression, or one that cannot be enforced; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of these; whether it matches is known of all but the doubtful ones."""

    points: Intervals
    doubtful: Intervals = field(default_factory=Intervals)

    def negated(self) -> Chars:
        return Chars(~self.points - self.doubtful, self.doubtful)

    @property
    def possible(self) -> Intervals:
        return self.points | self.doubtful


@dataclass(frozen=True, slots=True)
class Concatenation:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternation:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repetition:
    """low to high times; high None: no limit. Greedy or lazy is the same language."""

    body: Node
    low: int
    high: int | None


class Assertion(Enum):
    """What holds between two characters. A line ends at each newline, a text only once."""

    START = "^"
    END = "$"
    LINE_START = "(?m)^"
    LINE_END = "(?m)$"
    BOUNDARY = r"\b"
    NO_BOUNDARY = r"\B"


@dataclass(frozen=True, slots=True)
class Lookahead:
    """The rest of the text begins with the body, or (negated) does not."""

    body: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Superset:
    """All that is meant here, and maybe more."""

    body: Node


Node = Chars | Concatenation | Alternation | Repetition | Assertion | Lookahead | Superset
NOTHING_TO_READ = Concatenation(())
