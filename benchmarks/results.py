"""``results.md``: what a run measured in, its part of the file replaced."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

RESULTS = Path(__file__).with_name("results.md")
_BEGIN, _END = "<!-- written by make bench -->\n", "<!-- end -->\n"


def heading() -> str:
    """When and where."""
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return (
        f"## {time.strftime('%Y-%m-%d')}, `make bench`: {cores} cores of {_processor()}, Python "
        f"{platform.python_version()}, load {load:.1f} before\n\n"
    )


def write(text: str, path: Path = RESULTS) -> None:
    """Puts a run's text in the place of the last one's. Raises ValueError for a file without that place."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{path}: has no lines {_BEGIN.strip()!r} and {_END.strip()!r}")
    path.write_text(f"{before}{_BEGIN}{text}{_END}{after}", encoding="utf-8")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
