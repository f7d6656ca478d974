"""``forii build`` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from build_engines.progress import Silent
from build_engines.recipe import RecipeError
from launcher.cli import app
from launcher.models import find_build
from tests.build_engines.stand_ins import install, recipe_text, search_path
from tests.build_engines.test_steps import Record
from tests.build_engines.tiny_gguf import byte_level, write_gguf

RECIPE = str(Path(__file__).parents[2] / "build_engines/recipes/llama-3.1-8b.toml")


def forii(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["build", *arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_a_dry_run_prints_the_plan_and_makes_nothing(tmp_path: Path) -> None:
    status, said = forii(RECIPE, "--target", "tensorrtllm", "--dry-run", "--cache", str(tmp_path / "cache"))
    assert status == 0
    assert "trtllm-build --checkpoint_dir" in said
    assert (
        f"python3 -m build_engines meta-llama/llama-3.1-8b-instruct --cache {tmp_path / 'cache'} --step model"
        in said
    )
    assert not (tmp_path / "cache").exists()


def test_an_explanation_names_reasons_and_room(tmp_path: Path) -> None:
    status, said = forii("forii/qwen3", "--explain", "--cache", str(tmp_path))
    assert status == 0
    assert "must agree with the logits' TYPE_FP32" in said
    assert "147,456 bytes a token" in said


def test_a_dry_run_of_the_cpu_target_prints_its_plan(tmp_path: Path) -> None:
    status, said = forii("forii/smollm2-135m", "--dry-run", "--cache", str(tmp_path))
    assert status == 0
    assert "-m build_engines.targets.openvino_export" in said
    assert "python3 -m build_engines forii/smollm2-135m" in said


def test_a_recipe_for_the_other_target_is_refused(tmp_path: Path) -> None:
    status, said = forii(RECIPE, "--target", "openvino", "--cache", str(tmp_path))
    assert status == 1
    assert "the recipe is for the target 'tensorrtllm'" in said


def test_it_builds_with_the_container_s_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = install(tmp_path)
    monkeypatch.setenv("PATH", search_path(tmp_path))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe_text())
    status, said = forii(str(recipe), "--cache", str(tmp_path / "cache"), "--examples", str(examples))
    assert status == 0
    assert "Making the engine" in said
    assert (Path(said.strip().splitlines()[-1]) / "manifest.json").is_file()


def test_a_gpu_model_is_not_built_to_be_served_here(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"'forii/qwen3' runs on a GPU host: .*docs/deploy-gpu\.md"):
        find_build("forii/qwen3", tmp_path, Record(), pytest.fail)


def test_who_builds_to_serve_is_told_what_was_guessed(tmp_path: Path) -> None:
    """Now, and each time that the build is served; nothing of what the recipe says."""
    recipe = tmp_path / "tiny.toml"
    write_gguf(tmp_path / "tiny.gguf", byte_level())
    recipe.write_text(
        '[model]\nid = "test/tiny"\nreasoning = "none"\n[source]\nkind = "gguf"\nfile = "tiny.gguf"\n'
    )
    for _ in range(2):
        said: list[str] = []
        folder = find_build(str(recipe), tmp_path / "cache", Silent(), said.append)
        (line,) = said
        assert line.startswith("test/tiny: format: hermes (guessed as nothing in the chat template says")
    assert find_build(str(folder), tmp_path / "cache", Silent(), pytest.fail) == folder
