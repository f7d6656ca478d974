"""A recipe in, what its build would do, as text, out. Nothing is run, fetched or written."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from build_engines.build import EXAMPLES, TEMPLATES, plan
from build_engines.progress import Silent
from build_engines.recipe import Recipe, RecipeError
from build_engines.sections import TensorRtLlmEngine
from build_engines.shipped import RECIPES
from build_engines.steps import Step


def with_target(recipe: Recipe, target: str | None) -> Recipe:
    """The recipe as it is. Raises RecipeError when it is for another target than was asked for: source and options
    differ, so one recipe cannot serve both."""
    if target not in (None, recipe.engine.target):
        raise RecipeError(
            f"{recipe.model.id}: the recipe is for the target {recipe.engine.target!r} (engine.target), not "
            f"{target!r}; that needs a recipe of its own, with a source and options for it"
        )
    return recipe


_CONTAINER_CACHE = Path("/var/lib/forii")


def place(recipe: Recipe, asked: Path | None, default: Path) -> Path:
    """The cache that a dry run names: the one asked for, else the container's for what only it can build."""
    if asked is None and isinstance(recipe.engine, TensorRtLlmEngine):
        return _CONTAINER_CACHE
    return asked or default


def dry_run(recipe: Recipe, name: str, cache: Path, examples: Path = EXAMPLES) -> str:
    """The commands of the build, one on a line, to be pasted into a shell one after the other::

        # 5/7 convert: the conversion to a TensorRT-LLM checkpoint
        mkdir -p /c/by-hand/convert-8d2... && python3 ... --output_dir /c/by-hand/convert-8d2... && mv ...

    Each leaves what the build itself would, and leaves it in one move, so that a build that follows finds it done.
    Finished steps are commented out. name: what the recipe is called by. Raises BuildError as ``build``.
    """
    called = str(Path(name).absolute()) if Path(name).is_file() else name
    if Path(name).absolute().parent == RECIPES:
        called = recipe.model.id  # which is the same recipe wherever it is pasted
    again = ["python3", "-m", "build_engines", called, "--cache", str(cache)]
    if examples != EXAMPLES:
        again += ["--examples", str(examples)]
    last = plan(recipe, cache, Silent(), TEMPLATES, examples)
    steps = last.order()
    parts = [
        f"# For the machine or container whose cache is {cache}",
        f"mkdir -p {shlex.quote(str(cache / 'steps'))}",
    ]
    for number, step in enumerate(steps, 1):
        done = step.folder(cache).exists()
        parts.append(f"# {number}/{len(steps)} {step.name}: {step.title}{' (finished)' if done else ''}")
        parts.append(("# " if done else "") + _line(step, cache, again))
    parts.append(f"# The finished build: {shlex.quote(str(last.folder(cache)))}")
    return "\n".join(parts) + "\n"


def explain(recipe: Recipe, examples: Path = EXAMPLES) -> str:
    """Why each flag is given, and what the engine takes of its GPUs. Raises BuildError as ``build``, and
    RecipeError for a target that has nothing to explain."""
    if not isinstance(recipe.engine, TensorRtLlmEngine):
        raise RecipeError(
            f"{recipe.model.id}: there is nothing to explain for the target {recipe.engine.target!r}"
        )
    from build_engines.targets import tensorrtllm
    from build_engines.targets.trtllm_design import design
    from build_engines.targets.trtllm_explanation import explanation

    return explanation(design(recipe, recipe.engine), tensorrtllm.plan(recipe, TEMPLATES, examples))


def _line(step: Step, cache: Path, again: Sequence[str]) -> str:
    if step.command is None:
        return shlex.join([*again, "--step", step.name])
    folder = step.folder(cache)
    work = cache / "by-hand" / folder.name
    argv = step.command(work, step.inputs(cache)).argv
    return " && ".join(map(shlex.join, (["mkdir", "-p", str(work)], argv, ["mv", "-T", str(work), str(folder)])))
