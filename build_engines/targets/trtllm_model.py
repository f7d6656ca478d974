"""The last step of a TensorRT-LLM build: what the steps before left in; manifest, tokenizer and Triton model
folder out. The engine's own config.json is asked what was built, not the recipe."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ValidationError

from build_engines import guess, repository
from build_engines.checkpoint import end_ids, pad_id, read_checkpoint
from build_engines.recipe import BuildError, Manifest, Recipe, triton_name
from build_engines.steps import Task
from build_engines.targets.trtllm_design import Design, check_same

# Milliseconds between two looks for cancelled requests; the contract gives a cancel 200 in all.
_CANCELLATION_CHECK_PERIOD_MS = 50


class EngineError(BuildError):
    """An engine that is not the one that was asked for."""


class _Facts(BaseModel):
    end_ids: tuple[int, ...]
    pad_id: int


class _Mapping(BaseModel):
    world_size: int


class _Pretrained(BaseModel):
    architecture: str
    vocab_size: int
    mapping: _Mapping


class _Plugins(BaseModel):
    tokens_per_block: int
    use_paged_context_fmha: bool


class _BuildConfig(BaseModel):
    max_batch_size: int
    max_input_len: int
    max_seq_len: int
    max_num_tokens: int
    plugin_config: _Plugins


class _EngineConfig(BaseModel):
    """The part of an engine's config.json that is read."""

    version: str
    pretrained_config: _Pretrained
    build_config: _BuildConfig


def write_facts(recipe: Recipe, task: Task) -> None:
    """Raises RecipeError when the checkpoint is another than the recipe describes, CheckpointError when it does
    not say how its answers end."""
    folder = task.inputs["fetch"] / "checkpoint"
    if recipe.checkpoint is not None:
        check_same(recipe.checkpoint, read_checkpoint(folder), str(folder))
    ends = end_ids(folder)
    facts = _Facts(end_ids=ends, pad_id=pad_id(folder, ends))
    (task.folder / "facts.json").write_text(facts.model_dump_json(), encoding="utf-8")


def write_model(recipe: Recipe, design: Design, files: dict[str, Path], task: Task) -> None:
    """The manifest comes last: a folder that has one is whole. Raises EngineError, TemplateError, RecipeError."""
    built = _engine_config(task.inputs["engine"], design)
    facts = _Facts.model_validate_json((task.inputs["facts"] / "facts.json").read_bytes())
    name = triton_name(recipe.model.id)
    manifest = Manifest(
        recipe=guess.resolved(recipe, task.inputs["tokenizer"] / "tokenizer"),
        triton_model=name,
        context=built.build_config.max_seq_len,
        vocab_size=built.pretrained_config.vocab_size,
        end_ids=facts.end_ids,
        pad_id=facts.pad_id,
        tokens_per_block=built.build_config.plugin_config.tokens_per_block,
        digest=task.key,
    )
    place = Path("repository", name)
    repository.write_model_folder(files, _values(manifest, design, task.final / place), task.folder / place)
    repository.link_files(task.inputs["engine"], task.folder / place / "1/engine")
    repository.link_files(task.inputs["guides"], task.folder / place / "1/guides")
    repository.link_files(task.inputs["tokenizer"] / "tokenizer", task.folder / "tokenizer")
    repository.limit_tokenizer(task.folder / "tokenizer/tokenizer_config.json", manifest.context)
    (task.folder / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _engine_config(folder: Path, design: Design) -> _EngineConfig:
    """Raises EngineError for a folder that holds no whole engine, or another than was asked for."""
    path = folder / "config.json"
    try:
        built = _EngineConfig.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EngineError(f"{path}: is not the config.json of an engine: {error}") from error
    missing = [
        f"rank{rank}.engine" for rank in range(design.engine.world_size) if not _rank(folder, rank).is_file()
    ]
    if missing:
        raise EngineError(f"{folder}: lacks {', '.join(missing)}")
    asked = {
        "pretrained_config.mapping.world_size": (
            built.pretrained_config.mapping.world_size,
            design.engine.world_size,
        ),
        "pretrained_config.vocab_size": (built.pretrained_config.vocab_size, design.checkpoint.vocab_size),
        "build_config.max_batch_size": (built.build_config.max_batch_size, design.engine.max_batch_size),
        "build_config.max_seq_len": (built.build_config.max_seq_len, design.max_seq_len),
        "build_config.max_input_len": (built.build_config.max_input_len, design.max_input_len),
        "build_config.max_num_tokens": (built.build_config.max_num_tokens, design.engine.max_num_tokens),
        "build_config.plugin_config.use_paged_context_fmha": (
            built.build_config.plugin_config.use_paged_context_fmha,
            True,
        ),
    }
    for key, (found, wanted) in asked.items():
        if found != wanted:
            raise EngineError(f"{path}: {key} is {found}, not {wanted} as the recipe asks")
    return built


def _rank(folder: Path, rank: int) -> Path:
    return folder / f"rank{rank}.engine"


def _values(manifest: Manifest, design: Design, folder: Path) -> dict[str, str | int]:
    """What the template is filled with. Paths are absolute, as the C++ backend wants them: the build is served
    from where it was made."""
    engine = design.engine
    return {
        "triton_model": manifest.triton_model,
        "max_batch_size": engine.max_batch_size,
        "max_queue_size": engine.max_queue_size,
        "engine_folder": str(folder / "1/engine"),
        "guides_file": str(folder / "1/guides/xgrammar_tokenizer_info.json"),
        "tokenizer_folder": str(folder.parents[1] / "tokenizer"),
        "kv_cache_fraction": str(engine.kv_cache_fraction),
        "chunked_context": "true" if engine.chunked_context else "false",
        "cancellation_check_period_ms": _CANCELLATION_CHECK_PERIOD_MS,
    }
