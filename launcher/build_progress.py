"""What a build reports in, a progress bar on the terminal out: a line for each step::

fetch      ━━━━━━━━━━━━━━━━╸━━━━━━━━━ 61.2/98.4 MB 0:00:01
tokenizer  ━━━━━━━━━━━━━━━━━━━━━━━━━━              0:00:02
"""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

_TITLES = {
    "digest": "Checking the file",
    "fetch": "Getting the weights",
    "tokenizer": "Making the tokenizer",
    "limits": "Checking the limits",
    "export": "Making the engine",
    "facts": "Checking the model",
    "guides": "Exporting the vocabulary",
    "convert": "Converting the weights",
    "quantize": "Quantizing the weights",
    "engine": "Making the engine",
    "model": "Making the Triton model",
}


class BuildProgress:
    """The ``build_engines.progress.Progress`` of a terminal; a context manager that ends the display."""

    def __init__(self, console: Console) -> None:
        self._display = Progress(
            TextColumn("{task.description}"), BarColumn(), _Bytes(), TimeElapsedColumn(), console=console
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> BuildProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.stop()

    def wait(self, step: str) -> None:
        self._show(step, f"{_title(step)} (another build is at it)")

    def start(self, step: str) -> None:
        self._show(step, _title(step))

    def advance(self, step: str, done: int, total: int | None) -> None:
        self._display.update(self._tasks[step], completed=done, total=total)

    def finish(self, step: str, seconds: float) -> None:
        task = self._tasks[step]
        total = next(shown.total for shown in self._display.tasks if shown.id == task) or 1
        self._display.update(task, description=_title(step), completed=total, total=total)

    def _show(self, step: str, description: str) -> None:
        if step in self._tasks:
            self._display.update(self._tasks[step], description=description)
        else:
            self._display.start()  # only now: a build that is there already shows nothing
            self._tasks[step] = self._display.add_task(description, total=None)


def _title(step: str) -> str:
    return _TITLES.get(step, step)


class _Bytes(TextColumn):
    """Megabytes done, of how many where that is known; nothing for a step that does not count."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        if task.completed < 1_000_000:
            return Text("")
        total = "" if task.total is None else f"/{task.total / 1e6:.1f}"
        return Text(f"{task.completed / 1e6:.1f}{total} MB")
