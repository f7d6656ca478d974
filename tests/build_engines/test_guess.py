"""How a build knows a model's family: what chat templates and added tokens of each say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from build_engines.__main__ import main
from build_engines.build import build, plan
from build_engines.guess import guess, what_was_guessed
from build_engines.progress import Silent
from build_engines.recipe import GgufSource, ModelSection, Recipe, RecipeError, load_manifest, load_recipe
from build_engines.shipped import shipped_recipes
from tests.build_engines.stand_ins import hub_files, install, recipe_text, search_path
from tests.build_engines.tiny_gguf import CHATML, byte_level, write_gguf

ROOT = Path(__file__).parents[2]

# Words of the families' templates, and added tokens that matter.
QWEN3 = '<tools>{{ tool | tojson }}</tools> <tool_call>\n{"name": </tool_call>'
FAMILIES = {
    "smollm2": (CHATML, (), "hermes", "none"),
    "qwen2.5": (QWEN3, ("<tool_call>",), "hermes", "none"),
    "qwen3": (
        QWEN3 + "{%- if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n",
        ("<tool_call>", "<think>", "</think>"),
        "hermes",
        "enable_thinking",
    ),
    "qwen3-thinking": (QWEN3 + "{{ '<think>\\n' }} content.split('</think>')", ("<think>",), "hermes", "think"),
    "qwen3-coder": (QWEN3 + "<function=f>\n<parameter=a>", ("<tool_call>",), "qwen3-coder", "none"),
    "glm-4.5": (
        "<tool_call>{{ name }}<arg_key></think>{% if enable_thinking is defined and not enable_thinking %}",
        ("<tool_call>", "<arg_key>"),
        "glm4",
        "glm4",
    ),
    "llama-3.1": (
        'with {"name": function name, "parameters": dictionary}<|eot_id|>{{ "<|python_tag|>" }}',
        ("<|python_tag|>", "<|eot_id|>"),
        "llama3",
        "none",
    ),
    "mistral-v3": ('{{ "[TOOL_CALLS][" }}', ("[TOOL_CALLS]",), "mistral-v3", "none"),
    "magistral": (
        '{{ "[TOOL_CALLS]" + name + "[ARGS]" }}[THINK]',
        ("[TOOL_CALLS]", "[ARGS]", "[THINK]"),
        "mistral-v11",
        "magistral",
    ),
    "deepseek-v3": ("<｜tool▁calls▁begin｜>\n```json", ("<｜tool▁calls▁begin｜>",), "deepseek-v3", "none"),
    "deepseek-r1": (
        "content.split('</think>') <｜tool▁calls▁begin｜>\n```json <think>\n",
        ("<｜tool▁calls▁begin｜>", "<think>"),
        "deepseek-v3",
        "think",
    ),
    "deepseek-r1-distill": (
        "content.split('</think>') <｜tool▁calls▁begin｜>\n```json <think>\n",
        ("<tool_call>", "<think>"),
        "hermes",
        "think",
    ),
    "deepseek-v3.1": (
        "{% if not thinking is defined %}<｜tool▁calls▁begin｜></think>",
        ("<｜tool▁calls▁begin｜>",),
        "deepseek-v3.1",
        "thinking",
    ),
    "gpt-oss": ("<|start|><|channel|>analysis<|message|>", ("<|channel|>", "<|message|>"), "harmony", "harmony"),
}


def tokenizer(folder: Path, template: object, tokens: tuple[str, ...] = ()) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    added = [{"id": place, "content": token} for place, token in enumerate(tokens)]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    return folder


def recipe(**model: str) -> Recipe:
    source = GgufSource(kind="gguf", file=Path("/none.gguf"))
    return Recipe(model=ModelSection.model_validate({"id": "test/guess", **model}), source=source)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_known(tmp_path: Path, family: str) -> None:
    template, tokens, format, reasoning = FAMILIES[family]
    found = guess(recipe(), tokenizer(tmp_path, template, tokens))
    assert (found.format, found.reasoning) == (format, reasoning)
    assert set(found.reasons) == {"format", "reasoning"}


def test_of_several_templates_any_may_know(tmp_path: Path) -> None:
    named = [{"name": "default", "template": CHATML}, {"name": "tool_use", "template": QWEN3}]
    found = guess(recipe(), tokenizer(tmp_path, named))
    assert (found.format, found.reasons["format"]) == ("hermes", "from the chat template")


def test_what_a_recipe_says_is_not_guessed(tmp_path: Path) -> None:
    template, tokens, *_ = FAMILIES["qwen3"]
    folder = tokenizer(tmp_path, template, tokens)
    assert guess(recipe(format="llama3"), folder)[:2] == ("llama3", "enable_thinking")
    assert guess(recipe(format="llama3"), folder).reasons.keys() == {"reasoning"}
    assert guess(recipe(reasoning="think"), folder)[:2] == ("hermes", "think")
    assert guess(recipe(format="plain", reasoning="none"), tmp_path / "none") == ("plain", "none", {})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"format": "hermse"}, "no format 'hermse'; there are plain, "),
        ({"reasoning": "thinks"}, "no reasoning 'thinks'; there are none, "),
        ({"format": "harmony", "reasoning": "think"}, "does not go together"),
        ({"format": "hermes", "reasoning": "harmony"}, "does not go together"),
    ],
)
def test_unknown_names_fail_before_anything_is_built(model: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"test/guess: \[model\] .*" + message):
        plan(recipe(**model), tmp_path, Silent())
    assert not list(tmp_path.iterdir())


def test_a_build_for_the_cpu_says_what_it_guessed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vocabulary = byte_level()
    vocabulary.template = CHATML + "<tool_call>"
    path = write_gguf(tmp_path / "tiny.gguf", vocabulary)
    for _ in range(2):
        assert main([str(path), "--cache", str(tmp_path / "cache")]) == 0
        said = capsys.readouterr()
        assert "format: hermes (guessed from the chat template; set [model] format to overrule)\n" in said.err
        assert "reasoning: none (guessed from the chat template; set [model] reasoning to overrule)\n" in said.err
    model = load_manifest(Path(said.out.strip())).recipe.model
    assert (model.format, model.reasoning) == ("hermes", "none")


def test_a_build_for_gpus_does_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = install(tmp_path)
    monkeypatch.setenv("PATH", search_path(tmp_path))
    files = hub_files()
    files["chat_template.jinja"] = FAMILIES["qwen3"][0]
    (tmp_path / "hub.json").write_text(json.dumps(files))
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_text())
    folder = build(load_recipe(path), tmp_path / "cache", Silent(), examples=examples)
    model = load_manifest(folder).recipe.model
    assert (model.format, model.reasoning) == ("hermes", "enable_thinking")
    assert what_was_guessed(load_recipe(path), folder).startswith("format: hermes (guessed")


def test_shipped_recipes_leave_nothing_to_guess() -> None:
    for one in shipped_recipes():
        assert one.model.format, one.model.id
        assert one.model.reasoning, one.model.id


def test_the_gpu_image_has_what_guessing_needs() -> None:
    """It has no package of the proxy's, and none is needed."""
    parts = (ROOT / "deploy/steps.sh").read_text()
    assert 'health) parts="proxy build_engines' in parts
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import proxy.formats.parser"
    result = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
