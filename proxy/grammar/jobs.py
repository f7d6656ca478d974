"""What the worker does: an answer's bounds in, its grammar out; what a sample said in, what is wrong with it
out."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from ..syntax import Thinking
from .answer_bounds import AnswerBounds
from .bounded_answer import BoundedAnswer
from .judge import Judge
from .said import Said


@dataclass(frozen=True, slots=True)
class Compiled:
    """rules: of the grammar, in EBNF. roots: what stands before them, by where a prompt leaves the sample.
    checked: whether it lets through what is forbidden. free_text: whether an answer without calls may be anything.
    judge: the Judge for ``violation``, as a pickle, which costs nobody anything to keep."""

    roots: Mapping[Thinking, str]
    rules: str
    checked: bool
    free_text: bool
    judge: bytes

    def ebnf(self, thinking: Thinking) -> str:
        """The grammar of the answer of a sample. A family without thoughts is never inside of one."""
        return self.roots.get(thinking, self.roots["never"]) + self.rules

    @property
    def size(self) -> int:
        """Bytes of memory, nearly."""
        return sum(map(len, self.roots.values())) + len(self.rules) + len(self.judge)


def compiled(bounds: AnswerBounds, *, seconds: float) -> Compiled:
    """seconds: how long it may take. Raises InvalidSchema, as InvalidParameters where they are a tool's."""
    found = BoundedAnswer(bounds, seconds)
    texts, marks = found.compile()
    first, *rest = texts["never"].splitlines(keepends=True)
    shared = frozenset(rest)
    roots: dict[Thinking, str] = {"never": first}
    for thinking, text in texts.items():
        if thinking != "never":
            roots[thinking] = "".join(line for line in text.splitlines(keepends=True) if line not in shared)
    return Compiled(
        roots,
        "".join(rest),
        bool(marks),
        bounds.schema is None and not bounds.least,
        pickle.dumps(found.judge(unique_keys=bool(marks))),
    )


def violation(judge: bytes, said: Said) -> str | None:
    """What is wrong with what a sample said, if anything. judge: of Compiled."""
    return _loaded(judge).violation(said)


@lru_cache(maxsize=64)
def _loaded(judge: bytes) -> Judge:
    found = pickle.loads(judge)
    assert isinstance(found, Judge)
    return found
