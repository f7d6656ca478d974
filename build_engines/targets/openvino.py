"""The CPU engine: OpenVINO GenAI's continuous batching over an OpenVINO IR that is exported from a GGUF file.

Steps::

    fetch      model.gguf
    tokenizer  tokenizer/, facts.json (what the file says of the model)
    limits     facts.json, with the context and the KV cache that the recipe asks for or leaves open
    export     the files of an OpenVINO GenAI model folder
    model      the finished build, see Manifest
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel

from build_engines import guess, repository
from build_engines.kv_cache import limits
from build_engines.programs import program_step
from build_engines.recipe import GgufSource, Manifest, PackageSource, Recipe, RecipeError, triton_name
from build_engines.sections import OpenVinoEngine
from build_engines.sources import fetch
from build_engines.steps import Command, Step, Task

# Tokens in a block of the KV cache: fixed in OpenVINO's CPU plugin.
TOKENS_PER_BLOCK = 32

_CODE = Path(__file__).parents[1]


class _Facts(BaseModel):
    """kv_cache_gb: 0 until the limits are chosen."""

    context: int
    kv_elements: int
    kv_cache_gb: int = 0
    vocab_size: int
    end_ids: tuple[int, ...]
    pad_id: int


def plan(recipe: Recipe, source_sha256: str, templates: Path) -> Step:
    """The last step of a build; it needs all others. Its folder has the layout that Manifest describes.

    source_sha256: of the GGUF file. templates: the folder ``model_repository``. Raises TemplateError when it
    holds no template for this engine.
    """
    weights, engine = source_of(recipe), _engine_of(recipe)
    source = _step(
        "fetch",
        "get the weights",
        lambda task: _fetch(weights, task),
        sha256=source_sha256,
        source=weights.model_dump_json(),
    )
    tokenizer = _step(
        "tokenizer",
        "make the tokenizer from the GGUF file",
        _tokenizer,
        source,
        **_versions("gguf", "tokenizers", "transformers"),
        **_code("gguf_model.py", "gguf_tokenizer.py", "targets/openvino.py"),
    )
    fitted = _step(
        "limits",
        "check the limits",
        lambda task: _limits(recipe, engine, task),
        tokenizer,
        model=recipe.model.model_dump_json(),
        engine=engine.model_dump_json(),
        **_code("kv_cache.py"),
    )
    export = program_step(
        "export",
        "the export to OpenVINO",
        _export,
        source,
        tokenizer,
        environment={"PYTHONPATH": os.pathsep.join([str(_CODE.parent), *sys.path])},
        **_versions("openvino", "openvino-genai", "openvino-tokenizers"),
        **_code("targets/openvino_export.py"),
    )
    files = repository.template_files(templates, "openvino")
    return Step(
        name="model",
        place=f"models/{triton_name(recipe.model.id)}",
        material={
            "recipe": recipe.model_dump_json(),
            "template": repository.template_digest(files),
            **guess.material(recipe),
        },
        needs=(tokenizer, fitted, export),
        run=lambda task: _model(recipe, engine, files, task),
        title="make the Triton model folder and the manifest",
    )


def source_of(recipe: Recipe) -> PackageSource | GgufSource:
    """The GGUF file that the recipe names. Raises RecipeError for a source of another kind."""
    if isinstance(recipe.source, PackageSource | GgufSource):
        return recipe.source
    raise RecipeError(
        f"{recipe.model.id}: the target 'openvino' is built from a GGUF file: set source.kind to 'gguf' or "
        f"'package', not {recipe.source.kind!r}"
    )


def _engine_of(recipe: Recipe) -> OpenVinoEngine:
    if isinstance(recipe.engine, OpenVinoEngine):
        return recipe.engine
    raise RecipeError(f"{recipe.model.id}: engine.target is {recipe.engine.target!r}, not 'openvino'")


def _step(name: str, title: str, run: Callable[[Task], None], *needs: Step, **material: str) -> Step:
    return Step(name, f"steps/{name}", material, needs, run, title)


def _fetch(source: PackageSource | GgufSource, task: Task) -> None:
    fetch(source, task.folder, task.log, task.advance)


def _tokenizer(task: Task) -> None:
    # Imported here: they take a second, and a finished build needs none of it.
    from build_engines.gguf_model import read_gguf
    from build_engines.gguf_tokenizer import pad_id, write_tokenizer

    model = read_gguf((task.inputs["fetch"] / "model.gguf").resolve())
    ends = write_tokenizer(model, task.folder / "tokenizer")
    facts = _Facts(
        context=model.context,
        kv_elements=model.kv_elements,
        vocab_size=model.logits,
        end_ids=ends,
        pad_id=pad_id(model, ends),
    )
    _write_facts(task, facts)


def _limits(recipe: Recipe, engine: OpenVinoEngine, task: Task) -> None:
    facts = _read_facts(task.inputs["tokenizer"])
    chosen = limits(recipe.model, engine, facts.context, facts.kv_elements)
    _write_facts(task, facts.model_copy(update=asdict(chosen)))


def _export(folder: Path, inputs: Mapping[str, Path]) -> Command:
    """A process of its own, so that its memory is given back and a native abort is only a failed step."""
    program = (sys.executable, "-m", "build_engines.targets.openvino_export")
    paths = (inputs["fetch"] / "model.gguf", inputs["tokenizer"] / "tokenizer", folder)
    return Command((*program, *map(str, paths)))


def _model(recipe: Recipe, engine: OpenVinoEngine, files: dict[str, Path], task: Task) -> None:
    """The manifest comes last: a folder that has one is whole."""
    facts = _read_facts(task.inputs["limits"])
    name = triton_name(recipe.model.id)
    manifest = Manifest(
        recipe=guess.resolved(recipe, task.inputs["tokenizer"] / "tokenizer"),
        triton_model=name,
        context=facts.context,
        vocab_size=facts.vocab_size,
        end_ids=facts.end_ids,
        pad_id=facts.pad_id,
        tokens_per_block=TOKENS_PER_BLOCK,
        digest=task.key,
    )
    model_folder = task.folder / "repository" / name
    repository.write_model_folder(files, _values(manifest, engine, facts.kv_cache_gb), model_folder)
    repository.link_files(task.inputs["export"], model_folder / "1/engine")
    repository.link_files(task.inputs["tokenizer"] / "tokenizer", task.folder / "tokenizer")
    repository.limit_tokenizer(task.folder / "tokenizer/tokenizer_config.json", facts.context)
    (task.folder / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _values(manifest: Manifest, engine: OpenVinoEngine, kv_cache_gb: int) -> dict[str, str | int]:
    return {
        "triton_model": manifest.triton_model,
        "max_sequences": engine.max_sequences,
        "context": manifest.context,
        "vocab_size": manifest.vocab_size,
        "end_ids": ",".join(map(str, manifest.end_ids)),
        "pad_id": manifest.pad_id,
        "precision": engine.precision,
        "kv_cache_gb": kv_cache_gb,
    }


def _write_facts(task: Task, facts: _Facts) -> None:
    (task.folder / "facts.json").write_text(facts.model_dump_json(), encoding="utf-8")


def _read_facts(folder: Path) -> _Facts:
    return _Facts.model_validate_json((folder / "facts.json").read_bytes())


def _versions(*packages: str) -> dict[str, str]:
    return {package: version(package) for package in packages}


def _code(*files: str) -> dict[str, str]:
    """Our own code decides about a result as much as a package's version does."""
    return {file: hashlib.sha256((_CODE / file).read_bytes()).hexdigest() for file in files}
