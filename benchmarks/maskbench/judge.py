"""One schema with its instances in, a Verdict out: what the grammar and the check made of them.

A schema file: ``{"schema": ..., "tests": [{"valid": true, "data": ...}]}``.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from benchmarks.maskbench.order import in_order
from benchmarks.maskbench.reader import Reader, Unreadable
from proxy.grammar import CompiledSchema, InvalidSchema, compile_schema
from proxy.grammar.json_value import JSON, written

_PATIENCE = 20.0  # seconds for one schema, everything included


@dataclass
class Verdict:
    """What came of one schema. Counts are of instances. failure: why nothing could be judged, as ``refused: ...``,
    ``crashed: ...`` or ``unread: ...``. faults: what is wrong, in words. reordered: instances that are refused for
    the order of their keys alone. seconds: of processor time, to compile."""

    name: str
    seconds: float = 0.0
    rules: int = 0
    checked: tuple[str, ...] = ()
    failure: str = ""
    faults: list[str] = field(default_factory=list)
    valid: int = 0
    invalid: int = 0
    refused_valid: int = 0
    reordered: int = 0
    let_through: int = 0
    by_grammar: int = 0

    @property
    def right(self) -> bool:
        """Every valid instance accepted, every invalid one refused."""
        return not self.failure and not self.refused_valid and not self.let_through

    @property
    def right_in_order(self) -> bool:
        """The same, where keys come in the schema's order."""
        return not self.failure and self.refused_valid == self.reordered and not self.let_through


def judge(path: Path) -> Verdict:
    """The verdict on one file. Whatever goes wrong is in it."""
    verdict = Verdict(path.stem)
    data = json.loads(path.read_text(encoding="utf-8"))
    try:
        with _limited():
            _compile(verdict, data["schema"], data["tests"])
    except InvalidSchema as error:
        verdict.failure = f"refused: {error}"
    except Unreadable as error:
        verdict.failure = f"unread: {error}"
    except Exception as error:  # a crash is a finding, not the end of the run
        verdict.failure = f"crashed: {type(error).__name__}: {error}"
    return verdict


def _compile(verdict: Verdict, schema: JSON, tests: list[dict[str, JSON]]) -> None:
    begin = time.thread_time()
    try:
        compiled = compile_schema(schema, open_objects=True)
    finally:
        verdict.seconds = time.thread_time() - begin
    verdict.rules = compiled.ebnf.count("::=")
    verdict.checked = tuple(sorted(compiled.checked))
    reader = Reader(compiled.ebnf)
    for number, test in enumerate(tests):
        if test["valid"]:
            _accept(verdict, compiled, reader, number, test["data"], schema)
        else:
            _refuse(verdict, compiled, reader, number, test["data"])


def _accept(
    verdict: Verdict, compiled: CompiledSchema, reader: Reader, number: int, instance: JSON, schema: JSON
) -> None:
    verdict.valid += 1
    spelled = written(instance)
    taken = reader.taken(spelled)
    errors = compiled.validate(instance) if compiled.checked else []
    if taken is None and not errors:
        return
    verdict.refused_valid += 1
    if taken is None:
        verdict.faults.append(f"{number}: valid, the check refuses it: {errors[0]}")
    elif not errors and reader.accepts(written(in_order(instance, schema, schema))):
        verdict.reordered += 1
        verdict.faults.append(f"{number}: valid, refused for the order of its keys")
    else:
        rest = spelled[len(taken) :]
        whose = (
            "" if errors or not Reader(compiled.ebnf, exactly=True).accepts(spelled) else " by llguidance's lexer"
        )
        verdict.faults.append(f"{number}: valid, refused{whose} after {taken[-120:]!r} at {rest[:60]!r}")


def _refuse(verdict: Verdict, compiled: CompiledSchema, reader: Reader, number: int, instance: JSON) -> None:
    verdict.invalid += 1
    if not reader.accepts(written(instance)):
        verdict.by_grammar += 1
    elif not compiled.checked or not compiled.validate(instance):
        verdict.let_through += 1
        reason = compiled.validate(instance)[:1] or ["the check, too, takes it"]
        verdict.faults.append(f"{number}: invalid, let through: {written(instance)[:200]} ({reason[0]})")


@contextmanager
def _limited() -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"longer than {_PATIENCE:.0f} s")

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
