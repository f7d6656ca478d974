"""A recipe in, a finished build folder out (see Manifest for what is in it)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from build_engines import steps
from build_engines.guess import check_names
from build_engines.progress import Progress
from build_engines.recipe import (
    BuildError,
    GgufSource,
    Manifest,
    ModelSection,
    Recipe,
    RecipeError,
    load_manifest,
)
from build_engines.sections import TensorRtLlmEngine
from build_engines.steps import Step

TEMPLATES = Path(__file__).parents[1] / "model_repository"
EXAMPLES = Path("/app/examples")


class Build(NamedTuple):
    folder: Path
    manifest: Manifest


def build(
    recipe: Recipe,
    cache: Path,
    progress: Progress,
    templates: Path = TEMPLATES,
    examples: Path = EXAMPLES,
    step: str | None = None,
) -> Path:
    """Builds the recipe, or finds it built, and returns the folder
    ``<cache>/models/<triton_model>-<first 12 digits of the digest>``.

    examples: TensorRT-LLM's folder of that name. step: the name of the step to stop after, whose folder is then
    returned. Raises BuildError: a source that cannot be had, a model that cannot be served, a recipe or template
    that does not fit, a program that fails, a disk that is full.
    """
    try:
        last = plan(recipe, cache, progress, templates, examples)
        return steps.run(_named(last, step) if step else last, cache.absolute(), progress)
    except ImportError as error:
        raise BuildError(
            f"{recipe.model.id}: its build needs the package {error.name}: install requirements/serve.txt, or "
            "take the folder of a build that was finished elsewhere"
        ) from error
    except OSError as error:
        raise BuildError(f"{error.filename or cache}: {error.strerror}") from error


def plan(
    recipe: Recipe, cache: Path, progress: Progress, templates: Path = TEMPLATES, examples: Path = EXAMPLES
) -> Step:
    """The last step of the recipe's build, which needs all others. Runs nothing but, for a GGUF file that the
    recipe does not pin, its digest, which the cache remembers. Raises BuildError as ``build``."""
    check_names(recipe)
    # Imported here: a machine has what the one target needs, and often not what the other does.
    if isinstance(recipe.engine, TensorRtLlmEngine):
        from build_engines.targets import tensorrtllm

        return tensorrtllm.plan(recipe, templates, examples)
    from build_engines.sources import source_digest
    from build_engines.targets import openvino

    return openvino.plan(recipe, source_digest(openvino.source_of(recipe), cache, progress), templates)


def _named(last: Step, name: str) -> Step:
    found = {step.name: step for step in last.order()}
    if name not in found:
        raise BuildError(f"there is no step {name!r}; there are {', '.join(found)}")
    return found[name]


def find_builds(cache: Path) -> list[Build]:
    """All finished builds, newest first. Folders whose manifest this version cannot read are not builds."""
    folders = sorted((cache / "models").glob("*/manifest.json"), key=lambda path: -path.stat().st_mtime_ns)
    builds = []
    for manifest in folders:
        try:
            builds.append(Build(manifest.parent, load_manifest(manifest.parent)))
        except RecipeError:
            continue
    return builds


def recipe_for_gguf(path: Path) -> Recipe:
    """The recipe of a bare GGUF file: ``Tiny Chat.Q4.gguf`` is served as ``local/tiny-chat.q4``."""
    stem = re.sub(r"[^a-z0-9._:-]+", "-", path.stem.lower()).strip("-.")[:100]
    if not stem:
        raise RecipeError(f"{path}: its name has no letter or digit to name the model after; rename it")
    return Recipe(
        model=ModelSection(id=f"local/{stem}"),
        source=GgufSource(kind="gguf", file=path.absolute()),
    )
