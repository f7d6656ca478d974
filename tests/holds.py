"""``python -m tests.holds HOST:PORT MODEL``: the contract suite and the SDK suite against a Triton that runs, and
a table of what holds. MODEL is the folder of the build that it serves, or the id of a model whose build is in the
cache.

What comes after ``--`` is for pytest (``-- -k stop`` picks some).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from build_engines.recipe import BuildError
from build_engines.shipped import find_recipe
from deploy.served import find_served

_ROOT = Path(__file__).parents[1]
_SUITES = ("tests/contract", "tests/sdk")
_WORDS = {"passed": "holds", "failed": "does NOT hold", "skipped": "not asked"}


class Report:
    """A pytest plugin that keeps how each test came out, and why where it did not pass."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.reasons: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        if self.outcomes.get(report.nodeid) != "failed":
            self.outcomes[report.nodeid] = report.outcome
        if report.outcome == "failed":
            self.reasons[report.nodeid] = report.longreprtext.strip().splitlines()[-1]
        elif report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            self.reasons[report.nodeid] = report.longrepr[2]

    def table(self) -> str:
        """A line for each test, those that do not hold last, and the sum."""
        order = sorted(self.outcomes, key=lambda test: (self.outcomes[test] == "failed", test))
        lines = [f"{_WORDS[self.outcomes[test]]:<14} {_title(test)}{self._why(test)}" for test in order]
        counts = [f"{list(self.outcomes.values()).count(key)} {word}" for key, word in _WORDS.items()]
        return "\n".join([*lines, ", ".join(counts)]) + "\n"

    def _why(self, test: str) -> str:
        return f"\n{'':<15}{self.reasons[test]}" if test in self.reasons else ""


def _title(test: str) -> str:
    """``tests/sdk/test_streams.py::test_a_stream_ends[x]`` as ``sdk: a stream ends [x]``."""
    path, _, name = test.partition("::")
    plain, bracket, parameters = name.removeprefix("test_").partition("[")
    return f"{Path(path).parent.name}: {plain.replace('_', ' ')}{' ' * bool(bracket)}{bracket}{parameters}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when all holds, 1 when something does not, 2 when nothing could be asked."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    cut = given.index("--") if "--" in given else len(given)
    options = _options(given[:cut])
    try:
        build = find_served(_name(options.model), options.cache.expanduser())
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    host = options.triton.rpartition(":")[0]
    os.environ["FORII_TEST_TRITON"] = options.triton
    os.environ["FORII_TEST_MODEL"] = str(build.folder)
    os.environ["FORII_TEST_METRICS"] = options.metrics or f"http://{host}:8002/metrics"
    report = Report()
    os.chdir(_ROOT)
    pytest.main([*_SUITES, "-q", "--tb=short", "-p", "no:cacheprovider", *given[cut + 1 :]], plugins=[report])
    sys.stdout.write(f"\n{build.manifest.recipe.model.id} at {options.triton}\n{report.table()}")
    outcomes = set(report.outcomes.values())
    return 2 if "passed" not in outcomes and "failed" not in outcomes else int("failed" in outcomes)


def _name(model: str) -> str:
    """A recipe file stands for its model's id."""
    return find_recipe(model).model.id if model.endswith(".toml") else model


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.holds", description="What holds of a running Triton.")
    parser.add_argument("triton", metavar="HOST:PORT", help="of Triton's gRPC")
    parser.add_argument("model", metavar="MODEL", help="a build's folder, a model's id or a recipe (.toml)")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/forii"), metavar="DIR")
    parser.add_argument(
        "--metrics", metavar="URL", help="Triton's metrics page; port 8002 of the host if not given"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
