"""Whole builds of the TensorRT-LLM target, its programs played by stand-ins: order, resuming, failing, leaving."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from build_engines.__main__ import main
from build_engines.build import build, find_builds
from build_engines.child import ChildError
from build_engines.progress import Silent
from build_engines.recipe import RecipeError, load_manifest, load_recipe
from build_engines.targets.trtllm_model import EngineError
from tests.build_engines.stand_ins import hub_files, install, recipe_text, search_path
from tests.build_engines.test_steps import Record, ran

ROOT = Path(__file__).parents[2]
STEPS = ["fetch", "facts", "tokenizer", "guides", "convert", "engine", "model"]


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = install(tmp_path)
    monkeypatch.setenv("PATH", search_path(tmp_path))
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_text())
    return path


def test_a_build_runs_every_step_once_and_leaves_a_model(tmp_path: Path, examples: Path, recipe: Path) -> None:
    cache, first, second = tmp_path / "cache", Record(), Record()
    folder = build(load_recipe(recipe), cache, first, examples=examples)
    assert sorted(ran(first)) == sorted(STEPS)
    assert build(load_recipe(recipe), cache, second, examples=examples) == folder
    assert ran(second) == []
    manifest = load_manifest(folder)
    assert (manifest.context, manifest.vocab_size, manifest.end_ids, manifest.pad_id) == (
        4096,
        258,
        (257, 256),
        257,
    )
    assert manifest.tokens_per_block == 32
    model = folder / "repository/test-tiny"
    assert {path.name for path in (model / "1/engine").iterdir()} == {"config.json", "rank0.engine", "model.cache"}
    config = json.loads((folder / "tokenizer/tokenizer_config.json").read_text())
    assert (config["model_max_length"], config["chat_template"]) == (4096, "{{ messages[0].content }}")


def test_the_model_folder_names_files_that_are_there(tmp_path: Path, examples: Path, recipe: Path) -> None:
    folder = build(load_recipe(recipe), tmp_path / "cache", Silent(), examples=examples)
    config = model_config_pb2.ModelConfig()
    text_format.Parse((folder / "repository/test-tiny/config.pbtxt").read_text(), config)
    named = {key: Path(config.parameters[key].string_value) for key in ("gpt_model_path", "tokenizer_dir")}
    assert (named["gpt_model_path"] / "rank0.engine").is_file()
    assert (named["tokenizer_dir"] / "tokenizer.json").is_file()
    assert Path(config.parameters["xgrammar_tokenizer_info_path"].string_value).is_file()


def test_a_changed_limit_builds_the_engine_anew_and_converts_nothing(tmp_path: Path, examples: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    told = []
    for engine in ("max_batch_size = 8", "max_batch_size = 16", "max_queue_size = 3\nmax_batch_size = 16"):
        recipe.write_text(recipe_text(engine))
        progress = Record()
        build(load_recipe(recipe), tmp_path / "cache", progress, examples=examples)
        told.append(ran(progress))
    assert told[1:] == [["engine", "model"], ["model"]]


def test_quantization_and_ranks(tmp_path: Path, examples: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe_text('quantization = "fp8"\nkv_cache = "fp8"\ntp = 2'))
    progress = Record()
    folder = build(load_recipe(recipe), tmp_path / "cache", progress, examples=examples)
    assert "quantize" in ran(progress)
    assert "convert" not in ran(progress)
    assert len(list(folder.glob("repository/*/1/engine/rank*.engine"))) == 2


def test_a_local_folder_is_linked_and_watched(tmp_path: Path, examples: Path) -> None:
    source = tmp_path / "checkpoint"
    source.mkdir()
    for name, text in hub_files().items():
        (source / name).write_text(text)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe_text(source='kind = "folder"\nfolder = "checkpoint"', checkpoint=None))
    first = build(load_recipe(recipe), tmp_path / "cache", Silent(), examples=examples)
    (source / "generation_config.json").write_text('{"eos_token_id": 7}')
    second = build(load_recipe(recipe), tmp_path / "cache", Silent(), examples=examples)
    assert (load_manifest(first).end_ids, load_manifest(second).end_ids) == ((257, 256), (7,))


def test_a_checkpoint_that_is_another_fails_before_it_is_converted(tmp_path: Path, examples: Path) -> None:
    config = json.loads((tmp_path / "hub.json").read_text())
    changed = json.loads(config["config.json"]) | {"num_hidden_layers": 3}
    (tmp_path / "hub.json").write_text(json.dumps(config | {"config.json": json.dumps(changed)}))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe_text())
    with pytest.raises(RecipeError, match=r"checkpoint\.layers = 2, but .*config\.json says 3"):
        build(load_recipe(recipe), tmp_path / "cache", Silent(), examples=examples)
    assert not list((tmp_path / "cache/steps").glob("convert-*"))


def test_an_engine_other_than_asked_for_is_no_model(tmp_path: Path, examples: Path, recipe: Path) -> None:
    program = tmp_path / "bin/trtllm-build"
    program.write_text(program.read_text().replace('int(given("--" + key))', "128"))
    with pytest.raises(EngineError, match=r"max_batch_size is 128, not 64"):
        build(load_recipe(recipe), tmp_path / "cache", Silent(), examples=examples)
    assert find_builds(tmp_path / "cache") == []


@pytest.mark.parametrize("step", ["fetch", "guides", "convert", "engine"])
def test_a_failed_program_shows_its_end_its_cause_and_its_log(
    tmp_path: Path, examples: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setenv("FORII_STAND_IN", f"{step}:fails")
    monkeypatch.setenv(
        "FORII_STAND_IN_TEXT", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"
    )
    cache = tmp_path / "cache"
    with pytest.raises(ChildError) as caught:
        build(load_recipe(recipe), cache, Silent(), examples=examples)
    said = str(caught.value)
    assert "Tried to allocate 2 GiB" in said
    assert "Likely cause: the GPU's memory does not suffice" in said
    log = Path(said.rpartition("The whole log: ")[2])
    assert log.read_text().startswith(step)
    assert not list((cache / "steps").glob(f"{step}-*"))
    assert not list((cache / "work").glob("*"))
    monkeypatch.delenv("FORII_STAND_IN")
    progress = Record()
    build(load_recipe(recipe), cache, progress, examples=examples)
    assert ran(progress)[0] == step


@pytest.mark.parametrize("step", ["fetch", "guides", "convert", "engine"])
def test_a_build_killed_in_a_program_leaves_nothing_finished_and_resumes(
    tmp_path: Path, examples: Path, recipe: Path, step: str
) -> None:
    cache = tmp_path / "cache"
    command = [
        sys.executable,
        "-m",
        "build_engines",
        str(recipe),
        "--cache",
        str(cache),
        "--examples",
        str(examples),
    ]
    environment = {**os.environ, "FORII_STAND_IN": f"{step}:slow"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        _wait_for(lambda: list(cache.rglob("half")))
        os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(_processes_of(cache), timeout=10)
    assert _processes_of(cache) == []
    assert not list((cache / "steps").glob(f"{step}-*"))
    progress = Record()
    folder = build(load_recipe(recipe), cache, progress, examples=examples)
    assert ran(progress)[0] == step
    assert [found.folder for found in find_builds(cache)] == [folder]
    assert not list((cache / "work").iterdir())
    assert not list((cache / "partial").iterdir())
    assert not list(cache.rglob("half"))
    (log,) = (cache / "logs").glob("fetch-*.log")
    assert ("goes on" in log.read_text()) == (step == "fetch"), "a download goes on where it was cut off"


def test_a_slow_program_is_heard_of(
    tmp_path: Path, examples: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Impatient(Record):
        def advance(self, step: str, done: int, total: int | None) -> None:
            if step == "engine" and done:
                raise KeyboardInterrupt

    monkeypatch.setenv("FORII_STAND_IN", "engine:slow")
    with pytest.raises(KeyboardInterrupt):
        build(load_recipe(recipe), tmp_path / "cache", Impatient(), examples=examples)
    assert _processes_of(tmp_path / "cache") == []


def test_outside_of_the_container_it_says_so(
    tmp_path: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path)
    (tmp_path / "bin/hf").unlink()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with pytest.raises(ChildError, match="outside of the container nvcr"):
        build(load_recipe(recipe), tmp_path / "cache", Silent(), examples=tmp_path / "examples")


def test_the_dry_run_pasted_line_by_line_is_the_build(
    tmp_path: Path, examples: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "a cache"
    options = [str(recipe), "--cache", str(cache), "--examples", str(examples), "--target", "tensorrtllm"]
    assert main([*options, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not cache.exists()
    for line in lines:
        subprocess.run(["sh", "-c", line], cwd=ROOT, check=True, capture_output=True, timeout=60)
    progress = Record()
    folder = build(load_recipe(recipe), cache, progress, examples=examples)
    assert ran(progress) == []
    assert lines[-1] == f"# The finished build: '{folder}'"
    assert main([*options, "--dry-run"]) == 0
    assert all(line.startswith(("#", "mkdir")) for line in capsys.readouterr().out.splitlines())


def test_one_step_can_be_asked_for(
    tmp_path: Path, examples: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [str(recipe), "--cache", str(tmp_path / "cache"), "--examples", str(examples)]
    assert main([*options, "--step", "convert"]) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert (folder / "rank0.safetensors").is_file()
    assert not list((tmp_path / "cache/steps").glob("engine-*"))
    assert main([*options, "--step", "bake"]) == 1
    assert f"there are {', '.join(STEPS)}" in capsys.readouterr().err.replace("\n", " ")


def test_the_log_of_a_finished_step_is_kept(tmp_path: Path, examples: Path, recipe: Path) -> None:
    build(load_recipe(recipe), tmp_path / "cache", Silent(), examples=examples)
    logs = {path.name.partition("-")[0]: path.read_text() for path in (tmp_path / "cache/logs").glob("*.log")}
    assert set(logs) == {"fetch", "guides", "convert", "engine"}
    assert "--max_batch_size 64" in logs["engine"]


def test_a_removed_cache_is_built_again(tmp_path: Path, examples: Path, recipe: Path) -> None:
    folder = build(load_recipe(recipe), tmp_path / "cache", Silent(), examples=examples)
    shutil.rmtree(tmp_path / "cache")
    assert build(load_recipe(recipe), tmp_path / "cache", Silent(), examples=examples) == folder


def _processes_of(cache: Path) -> list[psutil.Process]:
    running = psutil.process_iter(["cmdline"])
    return [found for found in running if str(cache) in " ".join(found.info["cmdline"] or [])]


def _wait_for(found: Callable[[], list[Path]]) -> None:
    deadline = time.monotonic() + 30
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)
