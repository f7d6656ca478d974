"""A model folder in Hugging Face's layout in; what it says about its model, and its tokenizer, out.

Read are ``config.json``, ``generation_config.json``, ``tokenizer.json``, ``tokenizer_config.json`` and
``chat_template.jinja``; the weights are not.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError

from build_engines.recipe import BuildError
from build_engines.sections import Checkpoint

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
_Model = TypeVar("_Model", bound=BaseModel)
_READ_WHOLE = 16 << 20  # bytes up to which a file's content is part of the digest


class CheckpointError(BuildError):
    """A model folder that cannot be used; the message names the file and what is wrong."""


class _Config(BaseModel):
    """The part of config.json that is read, under its own names."""

    architectures: Annotated[list[str], Field(min_length=1)]
    num_hidden_layers: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    vocab_size: int
    max_position_embeddings: int
    num_local_experts: int | None = None
    tie_word_embeddings: bool = False


class _Ids(BaseModel):
    """The part of generation_config.json, or config.json, that is read."""

    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None


def read_checkpoint(folder: Path) -> Checkpoint:
    """What config.json says. Raises CheckpointError when it is missing, damaged or lacks what a decoder has."""
    path = folder / "config.json"
    config = _read(path, _Config)
    try:
        return Checkpoint(
            architecture=config.architectures[0],
            layers=config.num_hidden_layers,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            heads=config.num_attention_heads,
            kv_heads=config.num_key_value_heads or config.num_attention_heads,
            head_size=config.head_dim or config.hidden_size // config.num_attention_heads,
            vocab_size=config.vocab_size,
            context=config.max_position_embeddings,
            experts=config.num_local_experts or 0,
            tied=config.tie_word_embeddings,
        )
    except (ValidationError, ZeroDivisionError) as error:
        raise CheckpointError(f"{path}: describes no decoder: {error}") from error


def end_ids(folder: Path) -> tuple[int, ...]:
    """The ids that end a turn: those of generation_config.json, else of config.json. Raises CheckpointError."""
    for ids in _ids(folder):
        if ids.eos_token_id is not None:
            return tuple(ids.eos_token_id) if isinstance(ids.eos_token_id, list) else (ids.eos_token_id,)
    raise CheckpointError(f"{folder}: neither generation_config.json nor config.json has an eos_token_id")


def pad_id(folder: Path, ends: tuple[int, ...]) -> int:
    """The id that fills up, which none but the engine ever sees: the model's own, else the first end id."""
    return next((ids.pad_token_id for ids in _ids(folder) if ids.pad_token_id is not None), ends[0])


def _ids(folder: Path) -> list[_Ids]:
    names = ("generation_config.json", "config.json")
    return [_read(folder / name, _Ids) for name in names if (folder / name).is_file()]


def export_tokenizer(folder: Path, target: Path) -> None:
    """Copies the tokenizer; a chat template in a file of its own goes into tokenizer_config.json, where it is
    looked for. Raises CheckpointError when a file or the chat template is missing."""
    target.mkdir()
    for name in _TOKENIZER_FILES:
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder / name}: there is no such file, and the tokenizer needs it")
        shutil.copyfile(folder / name, target / name)
    config = json.loads((folder / "tokenizer_config.json").read_bytes())
    template = folder / "chat_template.jinja"
    if template.is_file():
        config["chat_template"] = template.read_text(encoding="utf-8")
    if not config.get("chat_template"):
        raise CheckpointError(f"{folder}: has no chat template, so it is no chat model; take its instruct version")
    text = json.dumps(config, ensure_ascii=False, indent=2)
    (target / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


def folder_digest(folder: Path) -> str:
    """SHA-256 in hex over the names of all files, the contents of small ones, and the sizes and times of change of
    large ones, whose contents take minutes to read. Raises CheckpointError when there is no such folder."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: there is no such folder")
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        status = path.stat()
        large = status.st_size > _READ_WHOLE
        mark = f"{status.st_size} {status.st_mtime_ns}" if large else hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder)}\0{mark}\n".encode())
    return digest.hexdigest()


def _read(path: Path, kind: type[_Model]) -> _Model:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "(top level)"
        raise CheckpointError(f"{path}: {key}: {first['msg']}") from error
