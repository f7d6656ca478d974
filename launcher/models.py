"""What a person calls a model in, its finished build out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from build_engines.build import build
from build_engines.guess import what_was_guessed
from build_engines.progress import Progress
from build_engines.recipe import RecipeError, load_manifest
from build_engines.sections import TensorRtLlmEngine
from build_engines.shipped import find_recipe


def find_build(name: str, cache: Path, progress: Progress, tell: Callable[[str], None]) -> Path:
    """The finished build of a model, built now if it is not there yet. name: as for find_recipe, or a build's own
    folder. tell: gets a line for each thing that its recipe leaves out of how it writes, and that was guessed.

    Raises RecipeError, also for a model that is built on a GPU host, and what ``build_engines.build.build``
    raises.
    """
    folder = Path(name).expanduser()
    if (folder / "manifest.json").is_file():
        load_manifest(folder)
        return folder.resolve()
    recipe = find_recipe(name)
    if isinstance(recipe.engine, TensorRtLlmEngine):
        raise RecipeError(
            f"{name!r} runs on a GPU host: make its build there (docs/deploy-gpu.md), then serve it from here "
            "with --triton HOST:PORT --model FOLDER_OF_THE_BUILD"
        )
    try:
        found = build(recipe, cache, progress)
    except ModuleNotFoundError as error:
        raise RecipeError(
            f"building {name!r} needs the package {error.name}: install requirements/serve.txt, or give the "
            "folder of a build that was finished elsewhere (MODEL=FOLDER, --model FOLDER)"
        ) from error
    for line in what_was_guessed(recipe, found).splitlines():
        tell(f"{recipe.model.id}: {line}")
    return found
