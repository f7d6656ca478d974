"""``make maskbench-families``: what the grammars of calls cost the default model in a real Triton.

Every family's, with one tool and with many (of the BFCL schemas), where calls are required and where they are not;
straight to the engine, one request at a time, each grammar twice: an engine may know it the second time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from orjson import dumps
from rich.console import Console
from rich.progress import track

from benchmarks.maskbench.reader import Reader
from benchmarks.maskbench.steps import Answer, Asker
from benchmarks.maskbench.tools import bfcl_tools
from build_engines.build import build
from build_engines.progress import Silent
from build_engines.shipped import find_recipe
from launcher.triton import EmbeddedTriton
from proxy.engines.triton import TritonEngine
from proxy.formats.parser import FORMATS, UnknownFormat, find_format
from proxy.grammar.answer_bounds import AnswerBounds, ToolBounds
from proxy.grammar.jobs import compiled
from proxy.models import load_catalog
from proxy.settings import Settings
from proxy.syntax import Syntax, Thinking
from proxy.tools import MOST_CALLS, Tool

_SECONDS = 2.0  # that a compilation may take
_SEEDS = range(3)


@dataclass(frozen=True, slots=True)
class Row:
    """What one grammar cost. name: of the family, what is asked of it, and how many tools there are."""

    name: str
    first: Answer
    again: Sequence[Answer]
    wrong: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.maskbench.families", description=__doc__)
    parser.add_argument("--tokens", type=int, default=64, metavar="N", help="that an answer may have")
    parser.add_argument("--only", default="", metavar="NAME", help="families whose name holds this")
    given = parser.parse_args()
    tools, console = bfcl_tools(), Console(stderr=True)
    if not tools:
        console.print("SKIPPED: no BFCL schemas", style="bold red")
        return
    folder = build(find_recipe("forii/smollm2-135m"), Settings().cache, Silent())
    with (
        tempfile.TemporaryDirectory(prefix="forii-families-") as temporary,
        EmbeddedTriton([folder], log_path=Path(temporary) / "triton.log", run_root=Path(temporary)) as triton,
    ):
        triton.wait_ready(120)
        wanted = [case for case in cases(tools) if given.only in case[0]]
        rows, plain = asyncio.run(_measure(folder, triton.grpc_address, wanted, given.tokens, console))
    sys.stdout.write(table(rows, plain))


def cases(tools: Sequence[Tool]) -> Iterator[tuple[str, str]]:
    """Each grammar under its name."""
    for family in FORMATS:
        for reasoning in ("harmony",) if family == "harmony" else ("none", "think"):
            try:
                syntax = find_format(family, reasoning).syntax
            except UnknownFormat:
                continue
            if syntax.calls is None:
                continue
            thinking: Thinking = "never" if syntax.thought is None else "inside"
            for count in dict.fromkeys((1, len(tools))):
                for least in (1, 0):
                    found = compiled(bounds(syntax, tools[:count], least), seconds=_SECONDS)
                    how = "required" if least else "auto"
                    yield f"{family} {how}, {thinking} thinking, {count} tools", found.ebnf(thinking)


def bounds(syntax: Syntax, tools: Sequence[Tool], least: int) -> AnswerBounds:
    """Of an answer with calls, at least so many."""
    assert syntax.calls is not None
    given = tuple(ToolBounds(tool.name, dumps(tool.parameters)) for tool in tools)
    return AnswerBounds(syntax, tools=given, least=least, most=MOST_CALLS if syntax.calls.parallel else 1)


async def _measure(
    build: Path, address: str, grammars: Sequence[tuple[str, str]], tokens: int, console: Console
) -> tuple[list[Row], list[Answer]]:
    """A row for each grammar, and the unconstrained answers."""
    rows: list[Row] = []
    plain: list[Answer] = []
    engine = TritonEngine(address)
    with ThreadPoolExecutor(1) as pool:
        asker = Asker(engine, load_catalog([build], pool).models[0], tokens)
        try:
            await asker.ask(None)
            for name, ebnf in track(grammars, "Asking", console=console):
                plain.append(await asker.ask(None, len(plain)))
                first = await asker.ask(ebnf)
                again = [await asker.ask(ebnf, seed) for seed in _SEEDS]
                rows.append(Row(name, first, again, _wrong(ebnf, again)))
        finally:
            await engine.close()
    return rows, plain


def _wrong(ebnf: str, answers: Sequence[Answer]) -> str:
    """What the engine let through that llguidance does not, or empty."""
    reader = Reader(ebnf, exactly=True)
    for answer in answers:
        taken = reader.taken(answer.text)
        if answer.failure or (taken is not None and (answer.whole or taken != answer.text)):
            return answer.failure or f"after {(taken or '')[-60:]!r}: {answer.text[len(taken or '') :][:40]!r}"
    return ""


def table(rows: Sequence[Row], plain: Sequence[Answer]) -> str:
    """Markdown. Times in milliseconds."""
    usual = median(gap for answer in plain for gap in answer.gaps)
    first = median(answer.first for answer in plain)
    lines = [
        f"unconstrained: first token {1e3 * first:.0f} ms, a token {1e3 * usual:.1f} ms",
        "",
        "| grammar | first token | known | a token | slowest | ended | wrong |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        gaps = [gap for answer in row.again for gap in answer.gaps]
        known = [answer.first for answer in row.again]
        cells = (
            row.name,
            "-" if row.first.failure else _ms(row.first.first),
            _ms(median(known)) if known else "-",
            f"{1e3 * median(gaps):.1f}" if gaps else "-",
            f"{1e3 * max(gaps):.1f}" if gaps else "-",
            f"{sum(answer.whole for answer in row.again)} of {len(row.again)}",
            row.wrong or row.first.failure,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.0f}"


if __name__ == "__main__":
    main()
