"""The GPU engine: TensorRT-LLM 1.2.1's own programs, from a checkpoint in Hugging Face's layout to a compiled
engine that Triton's C++ backend serves.

Steps::

    fetch      checkpoint/ (the download, or a link to the folder)
    facts      facts.json: the checkpoint is what the recipe says, and how its answers end
    tokenizer  tokenizer/
    guides     xgrammar_tokenizer_info.json
    convert    a TensorRT-LLM checkpoint (``quantize`` where the recipe asks for it)
    engine     rank0.engine ... and config.json
    model      the finished build, see Manifest

All but the last four of them run on any machine; these need the container, and ``engine`` a GPU of the kind that
will serve. What runs where is in docs/deploy-gpu.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from build_engines import guess, repository
from build_engines.checkpoint import export_tokenizer, folder_digest
from build_engines.programs import program_step
from build_engines.recipe import FolderSource, HuggingFaceSource, Recipe, RecipeError, triton_name
from build_engines.sections import TensorRtLlmEngine
from build_engines.steps import Command, Step, Task
from build_engines.targets.trtllm_commands import Commands
from build_engines.targets.trtllm_design import design
from build_engines.targets.trtllm_flags import VERSION
from build_engines.targets.trtllm_model import write_facts, write_model

_COMMIT = re.compile(r"[0-9a-f]{40}")
_CODE = Path(__file__).parents[1]


def plan(recipe: Recipe, templates: Path, examples: Path) -> Step:
    """The last step of a build; it needs all others. Its folder has the layout that Manifest describes.

    templates: the folder ``model_repository``. examples: TensorRT-LLM's folder of that name. Runs nothing. Raises
    RecipeError, CheckpointError or TemplateError for what cannot be built; see ``design``.
    """
    engine = _engine_of(recipe)
    made = design(recipe, engine)
    commands = Commands(made, examples)
    fetch = _fetch(recipe.source)
    facts = _step("facts", "check what was fetched", lambda task: write_facts(recipe, task), fetch)
    tokenizer = _step("tokenizer", "export the tokenizer", _tokenizer, fetch, **_code("checkpoint.py"))
    guides = program_step("guides", "the vocabulary for guided decoding", commands.guides, fetch, version=VERSION)
    convert = program_step(*commands.conversion, fetch, facts, version=VERSION)
    compiled = program_step(
        "engine", "the engine build", commands.build, convert, version=VERSION, sm=str(made.gpu.sm)
    )
    files = repository.template_files(templates, "tensorrtllm")
    return Step(
        name="model",
        place=f"models/{triton_name(recipe.model.id)}",
        material={
            "recipe": recipe.model_dump_json(),
            "template": repository.template_digest(files),
            **guess.material(recipe),
        },
        needs=(facts, tokenizer, guides, compiled),
        run=lambda task: write_model(recipe, made, files, task),
        title="make the Triton model folder and the manifest",
    )


def _engine_of(recipe: Recipe) -> TensorRtLlmEngine:
    if isinstance(recipe.engine, TensorRtLlmEngine):
        return recipe.engine
    raise RecipeError(f"{recipe.model.id}: engine.target is {recipe.engine.target!r}, not 'tensorrtllm'")


def _fetch(source: object) -> Step:
    if isinstance(source, HuggingFaceSource):
        download = program_step("fetch", "the download", lambda folder, _: _download(source, folder))
        return replace(download, resumes=True)  # as hf does with what it finds in --local-dir
    if isinstance(source, FolderSource):
        digest = folder_digest(source.folder)
        return program_step(
            "fetch", "the link to the folder", lambda folder, _: _link(source, folder), digest=digest
        )
    raise RecipeError(
        "the target 'tensorrtllm' is built from a checkpoint in Hugging Face's layout: set source.kind to "
        "'huggingface' or 'folder'"
    )


def _download(source: HuggingFaceSource, folder: Path) -> Command:
    return Command(
        (
            *("hf", "download", source.repo, "--revision", source.revision),
            *("--local-dir", str(folder / "checkpoint"), "--exclude", "*consolidated*"),
        ),
        {
            "--revision": (
                "a commit, which cannot move"
                if _COMMIT.fullmatch(source.revision)
                else "may move, so this build may not repeat; source.revision = a commit's 40 digits pins it"
            ),
            "--local-dir": "files, not links into the hub's cache",
            "--exclude": "the same weights again, in another layout",
        },
    )


def _link(source: FolderSource, folder: Path) -> Command:
    return Command(("ln", "-s", str(source.folder), str(folder / "checkpoint")))


def _tokenizer(task: Task) -> None:
    export_tokenizer(task.inputs["fetch"] / "checkpoint", task.folder / "tokenizer")


def _step(name: str, title: str, run: Callable[[Task], None], *needs: Step, **material: str) -> Step:
    return Step(name, f"steps/{name}", material, needs, run, title)


def _code(*files: str) -> Mapping[str, str]:
    """Our own code decides about a result as much as a package's version does."""
    return {file: hashlib.sha256((_CODE / file).read_bytes()).hexdigest() for file in files}
