"""How a build says how far it is: a step's name, and bytes where there is something to count."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told by the thread that builds: ``start``, ``advance`` (any number of times) and ``finish`` for a step;
    where another build is at it, ``wait`` first, and ``finish`` alone once that one has done it. Steps that are
    done already are not told of; a step that fails does not finish."""

    def wait(self, step: str) -> None:
        """Another build works on the same step; this one waits for it and takes its result."""

    def start(self, step: str) -> None: ...

    def advance(self, step: str, done: int, total: int | None) -> None:
        """``done`` of ``total`` bytes; None where the total is not known."""

    def finish(self, step: str, seconds: float) -> None: ...


class Silent:
    """The Progress of a build that nobody watches."""

    def wait(self, step: str) -> None:
        """Says nothing."""

    def start(self, step: str) -> None:
        """Says nothing."""

    def advance(self, step: str, done: int, total: int | None) -> None:
        """Says nothing."""

    def finish(self, step: str, seconds: float) -> None:
        """Says nothing."""
