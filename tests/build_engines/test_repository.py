from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import model_config_pb2

from build_engines.build import TEMPLATES
from build_engines.repository import TemplateError, fill, template_digest, template_files, write_model_folder

VALUES: dict[str, str | int] = {
    "triton_model": "local-tiny",
    "max_sequences": 8,
    "context": 256,
    "vocab_size": 272,
    "end_ids": "270,268",
    "pad_id": 270,
    "precision": "exact",
    "kv_cache_gb": 1,
}


def test_values_go_into_placeholders() -> None:
    assert fill('name: "${name}" # $$5 ${name}', {"name": "a"}) == 'name: "a" # $5 a'


def test_a_placeholder_without_value_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"placeholder \$\{other\}"):
        fill("${name} ${other}", {"name": "a"})


def test_a_value_without_placeholder_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"lacks the placeholder \$\{other\}"):
        fill("${name}", {"name": "a", "other": 1})


@pytest.mark.parametrize("template", ["$name", "${name", "${}", "$ {name}", "cost: 5$", "${Name}"])
def test_a_lone_dollar_is_refused(template: str) -> None:
    with pytest.raises(TemplateError, match="starts no"):
        fill(template, {})


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_survives_protobuf(value: str) -> None:
    config = model_config_pb2.ModelConfig()
    text_format.Parse(fill('name: "${name}"', {"name": value}), config)
    assert config.name == value


def test_the_openvino_template_takes_exactly_our_values(tmp_path: Path) -> None:
    write_model_folder(template_files(TEMPLATES, "openvino"), VALUES, tmp_path / "model")
    config = model_config_pb2.ModelConfig()
    text_format.Parse((tmp_path / "model/config.pbtxt").read_text(), config)
    assert config.name == "local-tiny"
    assert config.parameters["end_ids"].string_value == "270,268"
    assert config.model_transaction_policy.decoupled
    assert (tmp_path / "model/1/model.py").is_file()


def templates(folder: Path) -> Path:
    for name in ("openvino/config.pbtxt", "openvino/1/model.py", "python/batch.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}")
    return folder


def test_shared_files_lie_beside_the_model(tmp_path: Path) -> None:
    assert sorted(template_files(templates(tmp_path), "openvino")) == ["1/batch.py", "1/model.py", "config.pbtxt"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (templates(tmp_path) / "python/model.py").touch()
    with pytest.raises(TemplateError, match=r"model\.py: a file of this name is already in"):
        template_files(tmp_path, "openvino")


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="no such template"):
        template_files(templates(tmp_path), "llmapi")


def test_the_digest_is_that_of_names_and_contents(tmp_path: Path) -> None:
    files = template_files(templates(tmp_path), "openvino")
    before = template_digest(files)
    (tmp_path / "python/batch.py").write_text("changed")
    changed = template_digest(files)
    (tmp_path / "python/batch.py").write_text("# python/batch.py")
    assert template_digest(files) == before != changed
    (tmp_path / "python/batch.py").rename(tmp_path / "python/other.py")
    assert template_digest(template_files(tmp_path, "openvino")) != before


def test_an_error_names_the_template(tmp_path: Path) -> None:
    files = template_files(templates(tmp_path), "openvino")
    with pytest.raises(TemplateError, match=r"openvino/config\.pbtxt: lacks the placeholder"):
        write_model_folder(files, VALUES, tmp_path / "model")
