"""Real builds: the default model, and small ones of every architecture, loaded by the real engine."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import openvino_genai
import psutil
import pytest
from openvino._offline_transformations import paged_attention_transformation
from transformers import PreTrainedTokenizerFast

from build_engines.__main__ import main
from build_engines.build import TEMPLATES, build, find_builds, recipe_for_gguf
from build_engines.child import ChildError
from build_engines.gguf_model import GgufError
from build_engines.progress import Silent
from build_engines.recipe import GgufSource, ModelSection, Recipe, RecipeError, load_manifest, load_recipe
from build_engines.targets.openvino import TOKENS_PER_BLOCK
from tests.build_engines.tiny_gguf import byte_level, sentence_piece, write_gguf

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "build_engines/recipes/smollm2-135m.toml"


def tiny_recipe(folder: Path, context: int | None = None, name: str = "tiny") -> Recipe:
    """A recipe for a small model, written into ``folder``."""
    path = folder / f"{name}.gguf"
    if not path.exists():
        write_gguf(path, byte_level())
    source = GgufSource(kind="gguf", file=path)
    return Recipe(model=ModelSection(id=f"test/{name}", context=context), source=source)


def engine_of(folder: Path) -> Path:
    return next(folder.glob("repository/*/1/engine"))


def pipeline(folder: Path) -> openvino_genai.ContinuousBatchingPipeline:
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.cache_size = 1
    return openvino_genai.ContinuousBatchingPipeline(str(engine_of(folder)), scheduler, "CPU", {})


def generate(
    engine: openvino_genai.ContinuousBatchingPipeline, prompt: list[int], config: openvino_genai.GenerationConfig
) -> list[int]:
    handle = engine.add_request(1, openvino.Tensor(np.array([prompt], dtype=np.int64)), config)
    while engine.has_non_finished_requests():
        engine.step()
    return list(handle.read_all()[0].generated_ids)


def test_the_default_model_is_complete(built_model: Path) -> None:
    manifest = load_manifest(built_model)
    assert built_model.name == f"forii-smollm2-135m-{manifest.digest[:12]}"
    assert (manifest.context, manifest.vocab_size, manifest.end_ids, manifest.pad_id) == (8192, 49152, (2, 0), 2)
    model = built_model / "repository/forii-smollm2-135m"
    assert 'name: "forii-smollm2-135m"' in (model / "config.pbtxt").read_text()
    names = {path.name for path in (model / "1").iterdir()}
    assert names >= {"model.py", "engine"} | {path.name for path in (TEMPLATES / "python").glob("*.py")}
    assert {path.name for path in engine_of(built_model).iterdir()} == {
        f"openvino_{part}.{kind}" for part in ("model", "tokenizer", "detokenizer") for kind in ("xml", "bin")
    }
    assert {path.name for path in (built_model / "tokenizer").iterdir()} == {
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
    }
    assert not [path for path in built_model.rglob("*") if path.is_symlink()]


def test_the_manifest_is_true_of_the_engine(built_model: Path) -> None:
    manifest = load_manifest(built_model)
    core = openvino.Core()
    model = core.read_model(engine_of(built_model) / "openvino_model.xml")
    assert model.output("logits").partial_shape[2].get_length() == manifest.vocab_size
    paged_attention_transformation(model)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"})
    assert compiled.input("key_cache.0").partial_shape[2].get_length() == manifest.tokens_per_block
    assert manifest.tokens_per_block == TOKENS_PER_BLOCK


def test_a_moved_build_answers(built_model: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(built_model, tmp_path / "elsewhere")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(moved / "tokenizer")
    chat = [{"role": "user", "content": "What is the capital of France? One word."}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    config = openvino_genai.GenerationConfig(max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(generate(pipeline(moved), prompt, config))
    assert load_manifest(moved).digest == load_manifest(built_model).digest


def test_guides_see_the_vocabulary(built_model: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(built_model / "tokenizer")
    config = openvino_genai.GenerationConfig(max_new_tokens=40, do_sample=False, eos_token_id=2)
    config.structured_output_config = openvino_genai.StructuredOutputConfig(regex="(भारत|é){2}[0-9]{3}")
    answer = generate(pipeline(built_model), tokenizer.encode("Say:"), config)
    text = str(tokenizer.decode(answer, skip_special_tokens=True))
    assert len(text) >= 5
    assert text[-3:].isdecimal()


@pytest.mark.parametrize(
    ("architecture", "kind", "padding"),
    [("llama", "gpt2", 0), ("llama", "llama", 0), ("qwen2", "gpt2", 8), ("qwen3", "gpt2", 0)],
)
def test_every_architecture_runs(tmp_path: Path, architecture: str, kind: str, padding: int) -> None:
    vocabulary = sentence_piece() if kind == "llama" else byte_level()
    path = write_gguf(tmp_path / "Tiny Chat.gguf", vocabulary, architecture, padding_rows=padding)
    folder = build(recipe_for_gguf(path), tmp_path / "cache", Silent())
    manifest = load_manifest(folder)
    assert manifest.recipe.model.id == "local/tiny-chat"
    assert (manifest.context, manifest.vocab_size) == (256, len(vocabulary.tokens) + padding)
    prompt = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer").encode("the thing")
    config = openvino_genai.GenerationConfig(max_new_tokens=5, do_sample=False, ignore_eos=True)
    assert len(generate(pipeline(folder), prompt, config)) == 5


def test_a_changed_template_needs_no_new_export(tmp_path: Path) -> None:
    templates = shutil.copytree(TEMPLATES, tmp_path / "templates")
    recipe = tiny_recipe(tmp_path)
    first = build(recipe, tmp_path / "cache", Silent(), templates)
    with (templates / "openvino/1/model.py").open("a") as file:
        file.write("# changed\n")
    second = build(recipe, tmp_path / "cache", Silent(), templates)
    assert first != second
    assert (second / "repository/test-tiny/1/model.py").read_text().endswith("# changed\n")
    assert len(list((tmp_path / "cache/steps").glob("export-*"))) == 1
    assert engine_of(first).joinpath("openvino_model.bin").samefile(engine_of(second) / "openvino_model.bin")


def test_the_context_can_be_lowered(tmp_path: Path) -> None:
    folder = build(tiny_recipe(tmp_path, context=100), tmp_path / "cache", Silent())
    assert load_manifest(folder).context == 100
    assert json.loads((folder / "tokenizer/tokenizer_config.json").read_text())["model_max_length"] == 100
    own = build(tiny_recipe(tmp_path), tmp_path / "cache", Silent())
    assert json.loads((own / "tokenizer/tokenizer_config.json").read_text())["model_max_length"] == 256
    assert len(list((tmp_path / "cache/steps").glob("export-*"))) == 1


def test_a_context_past_the_models_is_refused_before_the_export(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"model\.context = 257, but the model has 256"):
        build(tiny_recipe(tmp_path, context=257), tmp_path / "cache", Silent())
    assert not list((tmp_path / "cache/steps").glob("export-*"))
    assert find_builds(tmp_path / "cache") == []


def test_weights_openvino_cannot_read_are_an_error(tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    assert isinstance(recipe.source, GgufSource)
    content = recipe.source.file.read_bytes()
    recipe.source.file.write_bytes(content.replace(b"blk.1.attn_q", b"blk.1.attn_X"))
    with pytest.raises(ChildError, match="the export to OpenVINO failed"):
        build(recipe, tmp_path / "cache", Silent())
    assert find_builds(tmp_path / "cache") == []
    recipe.source.file.write_bytes(content)
    folder = build(recipe, tmp_path / "cache", Silent())
    assert [found.folder for found in find_builds(tmp_path / "cache")] == [folder]


def test_a_replaced_file_is_built_anew(tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    first = build(recipe, tmp_path / "cache", Silent())
    write_gguf(tmp_path / "tiny.gguf", byte_level("smollm"))
    second = build(recipe, tmp_path / "cache", Silent())
    assert first != second
    assert [found.folder for found in find_builds(tmp_path / "cache")] == [second, first]


def test_builds_of_another_version_are_not_found(tmp_path: Path) -> None:
    folder = build(tiny_recipe(tmp_path), tmp_path / "cache", Silent())
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "version": 99}))
    assert find_builds(tmp_path / "cache") == []
    assert find_builds(tmp_path / "no-cache") == []


# Builds RECIPE into CACHE and kills itself DELAY seconds into STEP.
KILLED = """
import os, signal, sys, threading
from pathlib import Path
from build_engines.build import build
from build_engines.progress import Silent
from build_engines.recipe import load_recipe

recipe, cache, step, delay = sys.argv[1:]

class Kill(Silent):
    def start(self, name):
        kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
        if name == step:
            threading.Timer(float(delay), kill).start() if float(delay) else kill()

build(load_recipe(Path(recipe)), Path(cache), Kill())
"""


def processes_of(cache: Path) -> list[psutil.Process]:
    running = psutil.process_iter(["cmdline"])
    return [found for found in running if str(cache) in " ".join(found.info["cmdline"] or [])]


def test_a_build_killed_in_every_step_leaves_nothing_finished(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for step, delay in [("fetch", 0.4), ("tokenizer", 0.5), ("limits", 0), ("export", 1.0), ("model", 0)]:
        command = [sys.executable, "-c", KILLED, str(RECIPE), str(cache), step, str(delay)]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
        psutil.wait_procs(processes_of(cache), timeout=10)
        assert processes_of(cache) == []
        assert not list((cache / "steps").glob(f"{step}-*"))
        assert find_builds(cache) == []
    folder = build(load_recipe(RECIPE), cache, Silent())
    assert [found.folder for found in find_builds(cache)] == [folder]
    assert not list((cache / "work").iterdir())


def test_two_builds_at_once_do_the_work_once(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", byte_level())
    command = [sys.executable, "-m", "build_engines", str(file), "--cache", str(tmp_path / "cache")]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in both]
    folders, said, statuses = zip(*ended, strict=True)
    assert statuses == (0, 0)
    assert folders[0] == folders[1] == f"{find_builds(tmp_path / 'cache')[0].folder}\n"
    for step in ("fetch", "tokenizer", "limits", "export", "model"):
        assert "".join(said).count(f"{step}: started") == 1


def test_the_command_builds_a_recipe_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_gguf(tmp_path / "tiny.gguf", byte_level())
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[model]\nid = "test/tiny"\n[source]\nkind = "gguf"\nfile = "tiny.gguf"\n')
    assert main([str(recipe), "--cache", str(tmp_path / "cache")]) == 0
    said = capsys.readouterr()
    assert said.out == f"{find_builds(tmp_path / 'cache')[0].folder}\n"
    assert "export: done in " in said.err


def test_the_command_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "no.gguf"), "--cache", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}/no.gguf: there is no such file")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("Qwen2.5-0.5B-Instruct-Q4_K_M.gguf", "local/qwen2.5-0.5b-instruct-q4_k_m"),
        ("नमस्ते model (1).gguf", "local/model-1"),
        ("a" * 300 + ".gguf", "local/" + "a" * 100),
    ],
)
def test_a_bare_file_is_served_under_its_name(tmp_path: Path, file: str, expected: str) -> None:
    recipe = recipe_for_gguf(tmp_path / file)
    assert recipe.model.id == expected
    assert isinstance(recipe.source, GgufSource)
    assert recipe.source.file == tmp_path / file


def test_a_file_without_a_usable_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="rename it"):
        recipe_for_gguf(tmp_path / "नमस्ते.gguf")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    assert isinstance(recipe.source, GgufSource)
    content = recipe.source.file.read_bytes()
    recipe.source.file.write_bytes(content[: len(content) // 2])
    with pytest.raises(GgufError, match=r"tiny\.gguf: cut off or damaged"):
        build(recipe, tmp_path / "cache", Silent())
