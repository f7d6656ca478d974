"""How long functions and files may be, and what no file may be called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("proxy", "launcher", "build_engines", "model_repository", "deploy", "benchmarks")
NO_NOUNS = {"utils", "util", "common", "helpers", "helper", "manager", "handler", "misc"}


def files() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def functions() -> Iterator[tuple[str, int]]:
    for path in files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{path.relative_to(ROOT)}:{node.name}", node.end_lineno - node.lineno + 1


def test_no_function_is_longer_than_60_lines_and_few_than_50() -> None:
    lengths = dict(functions())
    assert {name: length for name, length in lengths.items() if length > 60} == {}
    long = [name for name, length in lengths.items() if length > 50]
    assert len(long) <= 0.03 * len(lengths), long


def test_no_file_is_longer_than_320_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in files()}
    assert {name: length for name, length in lengths.items() if length > 320} == {}


def test_a_file_is_named_after_what_it_holds() -> None:
    assert [path for path in files() if path.stem in NO_NOUNS] == []


def test_every_module_says_what_it_is() -> None:
    silent = [path for path in files() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []
