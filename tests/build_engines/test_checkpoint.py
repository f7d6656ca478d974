from __future__ import annotations

import json
from pathlib import Path

import pytest

from build_engines.checkpoint import (
    CheckpointError,
    end_ids,
    export_tokenizer,
    folder_digest,
    pad_id,
    read_checkpoint,
)
from tests.build_engines.stand_ins import TINY, hf_config, hub_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in hub_files().items():
        (tmp_path / name).write_text(text)
    return tmp_path


def put(folder: Path, name: str, **changes: object) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_sizes_are_those_of_config_json(folder: Path) -> None:
    assert read_checkpoint(folder) == TINY


def test_what_config_json_leaves_out_follows_from_the_rest(folder: Path) -> None:
    short = {
        key: value for key, value in hf_config(TINY).items() if key not in ("num_key_value_heads", "head_dim")
    }
    (folder / "config.json").write_text(json.dumps(short))
    found = read_checkpoint(folder)
    assert (found.kv_heads, found.head_size) == (4, 16)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"config\.json: \(top level\): Invalid JSON"),
        ("[]", r"config\.json: \(top level\): "),
        ("{}", r"config\.json: architectures: Field required"),
        (json.dumps(hf_config(TINY) | {"num_hidden_layers": 0}), r"config\.json: describes no decoder"),
    ],
)
def test_a_config_of_something_else_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(folder)


def test_a_folder_without_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json: cannot be read"):
        read_checkpoint(tmp_path)


def test_end_ids_are_the_generation_s_else_the_model_s(folder: Path) -> None:
    assert end_ids(folder) == (257, 256)
    put(folder, "generation_config.json", eos_token_id=5)
    assert end_ids(folder) == (5,)
    (folder / "generation_config.json").unlink()
    assert end_ids(folder) == (257,)
    put(folder, "config.json", eos_token_id=None)
    with pytest.raises(CheckpointError, match="has an eos_token_id"):
        end_ids(folder)


def test_the_pad_id_is_the_model_s_else_the_first_end_id(folder: Path) -> None:
    assert pad_id(folder, (7, 8)) == 7
    put(folder, "config.json", pad_token_id=0)
    assert pad_id(folder, (7, 8)) == 0


def test_a_template_in_its_own_file_is_found(folder: Path, tmp_path: Path) -> None:
    export_tokenizer(folder, tmp_path / "out")
    config = json.loads((tmp_path / "out/tokenizer_config.json").read_text())
    assert config["chat_template"] == "{{ messages[0].content }}"
    assert (tmp_path / "out/tokenizer.json").read_text() == (folder / "tokenizer.json").read_text()


def test_a_model_without_template_or_tokenizer_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(CheckpointError, match="no chat template"):
        export_tokenizer(folder, tmp_path / "out")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: there is no such file"):
        export_tokenizer(folder, tmp_path / "again")


def test_the_digest_sees_every_change(folder: Path) -> None:
    seen = {folder_digest(folder)}
    put(folder, "config.json", rope_theta=1)
    seen.add(folder_digest(folder))
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(17 << 20)
    seen.add(folder_digest(folder))
    with (folder / "model.safetensors").open("r+b") as file:
        file.write(b"other")
    seen.add(folder_digest(folder))
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    seen.add(folder_digest(folder))
    assert len(seen) == 5
    with pytest.raises(CheckpointError, match="there is no such folder"):
        folder_digest(folder / "gone")
