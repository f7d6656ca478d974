from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from build_engines.progress import Silent
from build_engines.steps import Step, Task, run

ROOT = Path(__file__).parents[2]


class Record(Silent):
    """A Progress that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def wait(self, step: str) -> None:
        self.told.append(f"wait {step}")

    def start(self, step: str) -> None:
        self.told.append(f"start {step}")

    def advance(self, step: str, done: int, total: int | None) -> None:
        self.told.append(f"advance {step} {done}/{total}")

    def finish(self, step: str, seconds: float) -> None:
        self.told.append(f"finish {step}")


def step(name: str, *needs: Step, text: str = "", run: Callable[[Task], None] | None = None) -> Step:
    """A step that writes what it needs and its own text into ``out``."""

    def write(task: Task) -> None:
        inputs = "".join((folder / "out").read_text() for folder in task.inputs.values())
        (task.folder / "out").write_text(f"{inputs}{name}{text} ")

    return Step(name, f"steps/{name}", {"text": text}, needs, run or write)


def ran(progress: Record) -> list[str]:
    return [told.removeprefix("start ") for told in progress.told if told.startswith("start")]


def test_steps_run_in_order_and_once(tmp_path: Path) -> None:
    fetch = step("fetch")
    plan = step("model", step("tokenizer", fetch), step("export", fetch))
    first, second = Record(), Record()
    folder = run(plan, tmp_path, first)
    assert (folder / "out").read_text() == "fetch tokenizer fetch export model "
    assert ran(first) == ["fetch", "tokenizer", "export", "model"]
    assert run(plan, tmp_path, second) == folder
    assert second.told == []


def test_a_changed_step_runs_again_with_what_needs_it(tmp_path: Path) -> None:
    def plan(template: str = "", exporter: str = "") -> Step:
        fetch = step("fetch")
        return step("model", step("tokenizer", fetch), step("export", fetch, text=exporter), text=template)

    run(plan(), tmp_path, Silent())
    template, exporter = Record(), Record()
    run(plan(template="2"), tmp_path, template)
    run(plan(exporter="2"), tmp_path, exporter)
    assert ran(template) == ["model"]
    assert ran(exporter) == ["export", "model"]


def test_a_finished_plan_needs_none_of_its_steps(tmp_path: Path) -> None:
    plan = step("model", step("fetch"))
    folder = run(plan, tmp_path, Silent())
    shutil.rmtree(step("fetch").folder(tmp_path))
    assert run(plan, tmp_path, Silent()) == folder
    assert not step("fetch").folder(tmp_path).exists()


def test_a_failed_step_leaves_nothing_and_runs_again(tmp_path: Path) -> None:
    def fail(task: Task) -> None:
        (task.folder / "half").write_text("half")
        raise RuntimeError("no luck")

    progress = Record()
    with pytest.raises(RuntimeError, match="no luck"):
        run(step("model", step("fetch"), run=fail), tmp_path, progress)
    assert progress.told == ["start fetch", "finish fetch", "start model"]
    assert not list((tmp_path / "work").iterdir())
    assert not list((tmp_path / "steps").glob("model*"))
    assert run(step("model", step("fetch")), tmp_path, Silent()).is_dir()


def test_progress_is_passed_on(tmp_path: Path) -> None:
    progress = Record()
    run(step("fetch", run=lambda task: task.advance(3, None)), tmp_path, progress)
    assert progress.told == ["start fetch", "advance fetch 3/None", "finish fetch"]


def test_two_runs_at_once_run_each_step_once(tmp_path: Path) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(task: Task) -> None:
        begun.set()
        assert go.wait(20)
        (task.folder / "out").write_text("x")

    plan = step("model", step("fetch", run=slow))
    waiting = threading.Event()

    class Waiting(Record):
        def wait(self, step: str) -> None:
            waiting.set()

    first, second = Record(), Waiting()
    threads = [threading.Thread(target=run, args=(plan, tmp_path, progress)) for progress in (first, second)]
    threads[0].start()
    assert begun.wait(20)
    threads[1].start()
    assert waiting.wait(20)
    go.set()
    for thread in threads:
        thread.join(20)
    assert sorted(ran(first) + ran(second)) == ["fetch", "model"]
    assert "finish fetch" in second.told
    assert (plan.folder(tmp_path) / "out").read_text() == "xmodel "


KILLED = """
import os, signal, sys
from pathlib import Path
from build_engines.progress import Silent
from build_engines.steps import Step, Task, run

def half(task):
    (task.folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

fetch = Step("fetch", "steps/fetch", {"text": ""}, (), half if sys.argv[2] == "fetch" else lambda task: None)
run(Step("model", "steps/model", {"text": ""}, (fetch,), half), Path(sys.argv[1]), Silent())
"""


@pytest.mark.parametrize("at", ["fetch", "model"])
def test_a_killed_run_leaves_nothing_finished_and_the_next_sweeps(tmp_path: Path, at: str) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), at], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not list((tmp_path / "steps").glob(f"{at}*"))
    assert len(list((tmp_path / "work").iterdir())) == 1
    folder = run(step("other"), tmp_path, Silent())  # another plan sweeps too
    assert (folder / "out").is_file()
    assert not list((tmp_path / "work").iterdir())


def test_the_work_of_a_living_run_is_not_swept(tmp_path: Path) -> None:
    def meanwhile(task: Task) -> None:
        run(step("other"), tmp_path, Silent())
        (task.folder / "out").write_text("still here")

    folder = run(step("model", run=meanwhile), tmp_path, Silent())
    assert (folder / "out").read_text() == "still here"


def test_a_read_only_cache_serves_what_is_finished(tmp_path: Path) -> None:
    plan = step("model")
    run(plan, tmp_path, Silent())
    folders = [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]
    before = {path: path.stat().st_mtime_ns for path in folders}
    run(plan, tmp_path, Silent())
    assert {path: path.stat().st_mtime_ns for path in folders} == before


def test_the_lock_ends_with_the_step(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    run(step("model", step("fetch")), tmp_path, Silent())
    assert set(os.listdir("/proc/self/fd")) == before
