from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from build_engines.child import ChildError, run_child


def test_the_program_runs_with_arguments_and_environment(tmp_path: Path) -> None:
    code = "import os, sys; print(sys.argv[1], os.environ['FORII_X'])"
    run_child([sys.executable, "-c", code, "a b"], "it", tmp_path / "log", {"FORII_X": "y"})
    assert (tmp_path / "log").read_text() == "a b y\n"


def test_a_failure_shows_the_end_of_what_was_written(tmp_path: Path) -> None:
    code = "[print('line', n) for n in range(50)]; raise SystemExit(3)"
    with pytest.raises(ChildError) as caught:
        run_child([sys.executable, "-c", code], "the export", tmp_path / "log")
    text = str(caught.value)
    assert text.startswith("the export failed with exit status 3:\n")
    assert text.endswith("line 49")
    assert "line 5\n" not in text


def test_a_native_crash_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match=r"the export was killed by SIGABRT:\n\(it wrote nothing\)"):
        run_child([sys.executable, "-c", "import os; os.abort()"], "the export", tmp_path / "log")


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match="no-such-program"):
        run_child(["no-such-program"], "the no-such-program", tmp_path / "log")


def test_an_interrupt_ends_the_program(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    code = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        run_child([sys.executable, "-c", code], "it", tmp_path / "log", poll=interrupt)
    assert not [child for child in psutil.Process().children() if code in child.cmdline()]


def test_the_program_dies_with_a_killed_builder(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    program = f"import os, time; open({str(pid_file)!r}, 'w').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
    builder = f"""
import sys
from collections.abc import Callable
from pathlib import Path
from build_engines.child import run_child
run_child([sys.executable, "-c", {program!r}], "it", Path({str(tmp_path / "log")!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", builder], cwd=Path(__file__).parents[2])
    try:
        _wait_until(lambda: pid_file.is_file() and pid_file.read_text().endswith("\n"))
        pid = int(pid_file.read_text())
        assert psutil.pid_exists(pid)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    _wait_until(lambda: not _alive(pid))


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
