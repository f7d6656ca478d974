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
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel

from build_engines import repository
from build_engines.child import run_child
from build_engines.kv_cache import limits
from build_engines.recipe import Manifest, Recipe, triton_name
from build_engines.sources import fetch
from build_engines.steps import Step, Task

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
    origin = recipe.source.model_dump_json()
    source = _step("fetch", lambda task: _fetch(recipe, task), sha256=source_sha256, source=origin)
    tokenizer = _step(
        "tokenizer",
        _tokenizer,
        source,
        **_versions("gguf", "tokenizers", "transformers"),
        **_code("gguf_model.py", "gguf_tokenizer.py", "targets/openvino.py"),
    )
    limits = _step(
        "limits",
        lambda task: _limits(recipe, task),
        tokenizer,
        model=recipe.model.model_dump_json(),
        engine=recipe.engine.model_dump_json(),
        **_code("kv_cache.py"),
    )
    export = _step(
        "export",
        _export,
        source,
        tokenizer,
        **_versions("openvino", "openvino-genai", "openvino-tokenizers"),
        **_code("targets/openvino_export.py"),
    )
    files = repository.template_files(templates, "openvino")
    return Step(
        name="model",
        place=f"models/{triton_name(recipe.model.id)}",
        material={"recipe": recipe.model_dump_json(), "template": repository.template_digest(files)},
        needs=(tokenizer, limits, export),
        run=lambda task: _model(recipe, files, task),
    )


def _step(name: str, run: Callable[[Task], None], *needs: Step, **material: str) -> Step:
    return Step(name, f"steps/{name}", material, needs, run)


def _fetch(recipe: Recipe, task: Task) -> None:
    fetch(recipe.source, task.folder, task.advance)


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


def _limits(recipe: Recipe, task: Task) -> None:
    facts = _read_facts(task.inputs["tokenizer"])
    chosen = limits(recipe.model, recipe.engine, facts.context, facts.kv_elements)
    _write_facts(task, facts.model_copy(update=asdict(chosen)))


def _export(task: Task) -> None:
    """In a process of its own, so that its memory is given back and a native abort is only a failed step."""
    log = task.folder / "export.log"
    run_child(
        [
            *(sys.executable, "-m", "build_engines.targets.openvino_export"),
            str((task.inputs["fetch"] / "model.gguf").resolve()),
            str(task.inputs["tokenizer"] / "tokenizer"),
            str(task.folder),
        ],
        name="the export to OpenVINO",
        log=log,
        environment={"PYTHONPATH": os.pathsep.join([str(_CODE.parent), *sys.path])},
    )
    log.unlink()


def _model(recipe: Recipe, files: dict[str, Path], task: Task) -> None:
    """The manifest comes last: a folder that has one is whole."""
    facts = _read_facts(task.inputs["limits"])
    name = triton_name(recipe.model.id)
    manifest = Manifest(
        recipe=recipe,
        triton_model=name,
        context=facts.context,
        vocab_size=facts.vocab_size,
        end_ids=facts.end_ids,
        pad_id=facts.pad_id,
        tokens_per_block=TOKENS_PER_BLOCK,
        digest=task.key,
    )
    model_folder = task.folder / "repository" / name
    repository.write_model_folder(files, _values(manifest, facts.kv_cache_gb), model_folder)
    _link_files(task.inputs["export"], model_folder / "1/engine")
    _link_files(task.inputs["tokenizer"] / "tokenizer", task.folder / "tokenizer")
    _limit_tokenizer(task.folder / "tokenizer/tokenizer_config.json", facts.context)
    (task.folder / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _values(manifest: Manifest, kv_cache_gb: int) -> dict[str, str | int]:
    engine = manifest.recipe.engine
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


def _limit_tokenizer(path: Path, context: int) -> None:
    config = json.loads(path.read_bytes())
    path.unlink()  # it is linked to the tokenizer step's
    text = json.dumps({**config, "model_max_length": context}, ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def _link_files(source: Path, target: Path) -> None:
    """Hard links, so that weights lie on the disk once; copies where the file system has none."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        try:
            os.link(path, target / path.name)
        except OSError:
            shutil.copyfile(path, target / path.name)


def _write_facts(task: Task, facts: _Facts) -> None:
    (task.folder / "facts.json").write_text(facts.model_dump_json(), encoding="utf-8")


def _read_facts(folder: Path) -> _Facts:
    return _Facts.model_validate_json((folder / "facts.json").read_bytes())


def _versions(*packages: str) -> dict[str, str]:
    return {package: version(package) for package in packages}


def _code(*files: str) -> dict[str, str]:
    """Our own code decides about a result as much as a package's version does."""
    return {file: hashlib.sha256((_CODE / file).read_bytes()).hexdigest() for file in files}
