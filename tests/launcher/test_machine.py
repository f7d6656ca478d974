"""What a machine is told that cannot run the embedded Triton."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from launcher import machine
from launcher.machine import Facts, facts, problems

GOOD = Facts(system="Linux", processor="x86_64", glibc=(2, 35), python=(3, 11), libpython=True, bash=True)


@pytest.mark.parametrize("python", [(3, 10), (3, 11), (3, 12)])
def test_nothing_is_wrong_with_a_machine_that_has_all(python: tuple[int, int]) -> None:
    assert problems(replace(GOOD, python=python)) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (replace(GOOD, system="Darwin", processor="arm64", glibc=None), ["x86-64 Linux only", "Darwin on arm64"]),
        (replace(GOOD, processor="aarch64"), ["x86-64 Linux only", "aarch64"]),
        (replace(GOOD, glibc=(2, 31)), ["glibc 2.35 or newer", "glibc 2.31", "Ubuntu 22.04"]),
        (replace(GOOD, glibc=None), ["glibc 2.35 or newer", "another C library"]),
        (replace(GOOD, python=(3, 9)), ["Python 3.9", "3.10, 3.11 or 3.12", "PYTHON=python3.11"]),
        (replace(GOOD, python=(3, 13)), ["Python 3.13"]),
        (replace(GOOD, libpython=False), ["libpython3.11.so.1.0", "libpython3.11 (Debian", "python3.11-libs"]),
        (replace(GOOD, bash=False), ["bash is missing"]),
    ],
)
def test_each_thing_missing_is_named_with_the_way_around(found: Facts, words: list[str]) -> None:
    first, around = problems(found)
    assert [word for word in words if word not in first] == []
    assert "make serve TRITON=HOST:PORT" in around


def test_all_that_is_missing_is_told_at_once() -> None:
    assert len(problems(replace(GOOD, glibc=(2, 31), libpython=False, bash=False))) == 4


def test_this_machine_runs_the_tests_so_nothing_is_wrong() -> None:
    assert problems(facts()) == []


def test_it_runs_by_a_bare_python_before_any_package_is_there() -> None:
    bare = [sys.executable, "-I", "-S", str(Path(machine.__file__))]
    done = subprocess.run(bare, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_machine_without_its_library_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "facts", lambda: replace(GOOD, libpython=False))
    assert machine.main() == 1
    assert "libpython3.11.so.1.0 is missing" in capsys.readouterr().err
