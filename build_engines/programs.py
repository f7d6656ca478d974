"""Steps that one program does: the program in, the step out. It runs on a leash, into the step's log, and the
bytes it has written into its folder are its progress."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from build_engines.child import ChildError, run_child
from build_engines.steps import Commander, Step, Task


def program_step(
    name: str,
    title: str,
    command: Commander,
    *needs: Step,
    environment: Mapping[str, str] | None = None,
    **material: str,
) -> Step:
    """``material`` is all that decides about the result beside the needed steps; the program's arguments are part
    of it without being named. environment: variables added to this process's own."""
    nowhere = {need.name: Path(need.name) for need in needs}
    arguments = "\0".join(command(Path("folder"), nowhere).argv[1:])

    def run(task: Task) -> None:
        try:
            run_child(
                command(task.folder, task.inputs).argv,
                name=title,
                log=task.log,
                environment=environment,
                poll=lambda: task.advance(folder_size(task.folder), None),
            )
        except ChildError as error:
            raise ChildError(f"{error}\nThe whole log: {task.log}") from error

    return Step(name, f"steps/{name}", {**material, "arguments": arguments}, needs, run, title, command)


def folder_size(folder: Path) -> int:
    """Bytes of the files in a folder that something else may be writing into."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() and not path.is_symlink() else 0
        except FileNotFoundError:  # it was moved or removed while we looked
            continue
    return total
