"""``make maskbench``: judges a folder of schemas, prints the table, lists in build/maskbench.txt what is wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.maskbench import ROOT, SAMPLE, table
from benchmarks.maskbench.judge import Verdict, judge

FAULTS = ROOT / "build/maskbench.txt"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.maskbench", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SAMPLE, help="of schema files")
    parser.add_argument("--only", default="", metavar="NAME", help="schemas whose name holds this")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    given = parser.parse_args()
    paths = sorted(path for path in given.folder.glob("*.json") if given.only in path.name)
    console = Console(stderr=True)
    if not paths:
        console.print(f"SKIPPED: no schema files in {given.folder}", style="bold red")
        return
    verdicts = list(track(_judged(paths, given.jobs), "Judging", len(paths), console=console))
    sys.stdout.write(table.summary(verdicts))
    FAULTS.parent.mkdir(exist_ok=True)
    FAULTS.write_text(table.faults(verdicts), encoding="utf-8")
    console.print(f"What is wrong, schema by schema: {FAULTS}")
    if given.only:
        sys.stdout.write(table.faults(verdicts))


def _judged(paths: list[Path], jobs: int) -> Iterable[Verdict]:
    if jobs == 1:
        yield from map(judge, paths)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(judge, paths)


if __name__ == "__main__":
    main()
