"""``make maskbench-engine``: what the grammar of each schema costs the default model in a real Triton.

Straight to the engine, one request at a time, an unconstrained one among ten. An answer with a slow token is given
again, the same tokens, and each token counts with its shortest time: what another program held up once is not held
up at the same place every time. What is still slow at the end is asked for once more then, in the same way.

What the engine writes is read with llguidance, too: the two must agree on what the grammar allows, and an answer
that ended must be a valid one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track

from benchmarks.maskbench import SAMPLE
from benchmarks.maskbench.reader import Reader, Unreadable
from benchmarks.maskbench.steps import Answer, Asker
from benchmarks.maskbench.table import at
from build_engines.build import build
from build_engines.progress import Silent
from build_engines.shipped import find_recipe
from launcher.triton import EmbeddedTriton
from proxy.engines.triton import TritonEngine
from proxy.grammar import CompiledSchema, InvalidSchema, compile_schema
from proxy.models import load_catalog
from proxy.settings import Settings

_PLAIN_EVERY = 10
_AGAIN = 4  # times that an answer with a slow token is given again; and again at the end
_SLOW = 0.01  # seconds that a token may take longer than an unconstrained one


@dataclass(frozen=True, slots=True)
class Row:
    """What one schema's grammar cost. wrong: what the engine or its answer did that it must not, or empty."""

    name: str
    answer: Answer
    wrong: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.maskbench.engine", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SAMPLE, help="of schema files")
    parser.add_argument("--only", default="", metavar="NAME", help="schemas whose name matches this")
    parser.add_argument("--open", action="store_true", help="objects may have keys that the schema leaves unsaid")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth schema")
    parser.add_argument("--tokens", type=int, default=32, metavar="N", help="that an answer may have")
    given = parser.parse_args()
    paths = sorted(path for path in given.folder.glob("*.json") if re.search(given.only, path.name))[
        :: given.every
    ]
    console = Console(stderr=True)
    if not paths:
        console.print(f"SKIPPED: no schema files in {given.folder}", style="bold red")
        return
    folder = build(find_recipe("forii/smollm2-135m"), Settings().cache, Silent())
    with (
        tempfile.TemporaryDirectory(prefix="forii-maskbench-") as temporary,
        EmbeddedTriton([folder], log_path=Path(temporary) / "triton.log", run_root=Path(temporary)) as triton,
    ):
        triton.wait_ready(120)
        grammars = [(path.stem, grammar(path, given.open)) for path in paths]
        rows, plain = asyncio.run(_measure(folder, triton.grpc_address, grammars, given.tokens, console))
    sys.stdout.write(summary(rows, plain))


def grammar(path: Path, open_objects: bool) -> CompiledSchema | str:
    """The compiled schema of a file, or why it is refused."""
    try:
        return compile_schema(json.loads(path.read_text(encoding="utf-8"))["schema"], open_objects=open_objects)
    except InvalidSchema as error:
        return f"refused: {error}"


async def _measure(
    build: Path, address: str, grammars: Sequence[tuple[str, CompiledSchema | str]], tokens: int, console: Console
) -> tuple[list[Row], list[Answer]]:
    """A row for each grammar, and the unconstrained answers."""
    rows: list[Row] = []
    plain: list[Answer] = []
    engine = TritonEngine(address)
    with ThreadPoolExecutor(1) as pool:
        asker = Asker(engine, load_catalog([build], pool).models[0], tokens)
        try:
            await asker.ask(None)
            for number, (name, compiled) in enumerate(track(grammars, "Asking", console=console)):
                if number % _PLAIN_EVERY == 0:
                    plain.append(await asker.ask(None, number))
                rows.append(await _row(asker, name, compiled, _usual(plain)))
            for number, row in enumerate(track(rows, "Again", console=console)):
                compiled = grammars[number][1]
                if isinstance(compiled, CompiledSchema) and _is_slow(row.answer, _usual(plain)):
                    again = await _faster(asker, compiled.ebnf, row.answer, _usual(plain))
                    rows[number] = replace(row, answer=again)
        finally:
            await engine.close()
    return rows, plain


async def _row(asker: Asker, name: str, compiled: CompiledSchema | str, plain: float) -> Row:
    if isinstance(compiled, str):
        return Row(name, Answer(failure=compiled), compiled)
    answer = await _faster(asker, compiled.ebnf, await asker.ask(compiled.ebnf), plain)
    return Row(name, answer, answer.failure or wrong(compiled, answer))


async def _faster(asker: Asker, ebnf: str, answer: Answer, plain: float) -> Answer:
    """The answer, each token with the shortest time of all times that it was given."""
    for _ in range(_AGAIN):
        if not _is_slow(answer, plain):
            break
        answer = answer.or_faster(await asker.ask(ebnf))
    return answer


def _is_slow(answer: Answer, plain: float) -> bool:
    return max(answer.gaps, default=0.0) > plain + _SLOW


def wrong(compiled: CompiledSchema, answer: Answer) -> str:
    """What is wrong with an answer, or empty."""
    try:
        # Its own way of reading is stricter than the grammar.
        taken = Reader(compiled.ebnf).taken(answer.text)
        if taken is not None and (answer.whole or taken != answer.text):
            taken = Reader(compiled.ebnf, exactly=True).taken(answer.text)
    except Unreadable as error:
        return f"llguidance cannot read it: {error}"
    if taken is not None and (answer.whole or taken != answer.text):
        return f"the engine and llguidance disagree after {taken[-80:]!r}: {answer.text[len(taken) :][:40]!r}"
    if not answer.whole:
        return ""
    errors = compiled.validate(json.loads(answer.text))
    return f"ended, but is invalid: {errors[0]}: {answer.text[:200]}" if errors and not compiled.checked else ""


def summary(rows: Sequence[Row], plain: Sequence[Answer]) -> str:
    """Markdown: the table, the worst ten of each kind, what went wrong."""
    answered = [row for row in rows if not row.answer.failure]
    usual = _usual(plain)
    firsts = sorted(row.answer.first for row in answered)
    slowest = {row.name: max(row.answer.gaps, default=usual) - usual for row in answered}
    medians = {row.name: median(row.answer.gaps or [usual]) - usual for row in answered}
    hiccups = sorted(max(answer.gaps) - usual for answer in plain)
    lines = [
        "| figure | is | aim |",
        "|---|---|---|",
        f"| schemas, answered | {len(rows)}, {len(answered)} | all |",
        f"| first token, median | {1e3 * at(firsts, 0.5):.0f} ms | 300 ms |",
        f"| first token, 99 % | {1e3 * at(firsts, 0.99):.0f} ms | 3000 ms |",
        f"| a token, unconstrained, median | {1e3 * usual:.1f} ms | |",
        f"| the slowest of an unconstrained answer over that, median | {_ms(hiccups, 0.5)} | |",
        f"| a token over that, median of all schemas | {_ms(sorted(medians.values()), 0.5)} | |",
        f"| ... of the worst schema | {_ms(sorted(medians.values()), 1)} | 10 ms |",
        f"| the slowest token of a schema over that, median | {_ms(sorted(slowest.values()), 0.5)} | |",
        f"| ... of 99 % of the schemas | {_ms(sorted(slowest.values()), 0.99)} | |",
        f"| ... of the worst schema | {_ms(sorted(slowest.values()), 1)} | 10 ms |",
        f"| schemas with a token over 10 ms slower | {sum(over > _SLOW for over in slowest.values())} | 0 |",
        f"| ended within the tokens | {sum(row.answer.whole for row in rows)} | |",
        f"| wrong | {sum(bool(row.wrong) for row in rows)} | 0 |",
        "",
    ]
    lines += _worst("first token", {row.name: row.answer.first for row in answered})
    lines += _worst("slowest token over an unconstrained one", slowest)
    lines += _worst("median token over an unconstrained one", medians)
    lines += [f"{row.name}: {row.wrong}" for row in rows if row.wrong]
    return "\n".join(lines) + "\n"


def _usual(plain: Sequence[Answer]) -> float:
    """Seconds of an unconstrained token."""
    return median(gap for answer in plain for gap in answer.gaps)


def _ms(ordered: Sequence[float], share: float) -> str:
    return f"{1e3 * at(ordered, share):.1f} ms"


def _worst(what: str, seconds: dict[str, float]) -> list[str]:
    worst = sorted(seconds.items(), key=lambda item: item[1], reverse=True)[:10]
    return [f"worst, {what}:", *(f"  {1e3 * value:.0f} ms {name}" for name, value in worst), ""]


if __name__ == "__main__":
    main()
