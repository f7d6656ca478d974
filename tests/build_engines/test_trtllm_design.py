"""What contradicts itself is refused with the key and the fix; what fits is estimated right."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from build_engines.__main__ import main
from build_engines.foresight import explain, with_target
from build_engines.recipe import BuildError, RecipeError, load_recipe
from build_engines.sections import Checkpoint, TensorRtLlmEngine
from build_engines.targets.gpus import GPUS
from build_engines.targets.trtllm_design import Design, design
from tests.build_engines.stand_ins import TINY, recipe_text

RECIPES = Path(__file__).parents[2] / "build_engines/recipes"
EIGHT_B, SEVENTY_B, MIXTRAL, QWEN3 = (
    RECIPES / f"{name}.toml" for name in ("llama-3.1-8b", "llama-3.1-70b", "mixtral-8x7b", "qwen3-8b")
)


def designed(path: Path, **changes: object) -> Design:
    recipe = load_recipe(path)
    assert isinstance(recipe.engine, TensorRtLlmEngine)
    engine = TensorRtLlmEngine.model_validate({**recipe.engine.model_dump(), **changes})
    return design(recipe.model_copy(update={"engine": engine}), engine)


@pytest.mark.parametrize(
    ("path", "changes", "message"),
    [
        (EIGHT_B, {"tp": 3}, r"engine\.tp = 3 does not divide the model's 32 attention heads"),
        (EIGHT_B, {"gpu": "h1000"}, r"engine\.gpu = 'h1000' is not a GPU that is known here; it is one of a100"),
        (EIGHT_B, {"tp": 4, "gpus": 2}, r"= 4 ranks take a GPU each, but engine\.gpus = 2"),
        (EIGHT_B, {"quantization": "fp8", "gpu": "a100-80gb"}, "fp8 needs a GPU of architecture 89 or newer"),
        (EIGHT_B, {"quantization": "nvfp4", "gpu": "h200"}, "nvfp4 needs a GPU of architecture 100 or newer"),
        (QWEN3, {"gpu": "a100-80gb"}, r"Qwen3ForCausalLM is documented for GPUs from architecture 90 on"),
        (QWEN3, {"quantization": "fp8"}, r"'fp8' is not documented for Qwen3ForCausalLM in TensorRT-LLM 1\.2\.1"),
        (QWEN3, {"pp": 2}, r"engine\.pp = 2: Qwen3ForCausalLM is not documented with pipeline"),
        (EIGHT_B, {"pp": 3}, r"engine\.pp = 3 does not divide the model's 32 layers"),
        (EIGHT_B, {"ep": 2, "tp": 2}, r"engine\.ep = 2, but the model has no experts"),
        (MIXTRAL, {"ep": 4, "tp": 2}, r"engine\.ep = 4 must divide engine\.tp = 2"),
        (MIXTRAL, {"quantization": "fp8"}, r"quantize\.py of 1\.2\.1 takes no expert parallelism"),
        (MIXTRAL, {"ep": 1, "quantization": "int4_awq"}, "'int4_awq' is not documented for MixtralForCausalLM"),
        (EIGHT_B, {"kv_cache": "fp8"}, r"engine\.kv_cache = 'fp8' with quantization 'none' is not documented"),
        (EIGHT_B, {"max_seq_len": 200_000}, r"engine\.max_seq_len = 200000, but the model has 131072"),
        (EIGHT_B, {"max_input_len": 32768}, r"engine\.max_input_len = 32768 leaves no token to answer with"),
        (EIGHT_B, {"max_num_tokens": 63}, r"less than engine\.max_batch_size = 64"),
        (EIGHT_B, {"chunked_context": False}, r"a prompt may have 32767 tokens .* engine\.chunked_context = true"),
        (
            SEVENTY_B,
            {"quantization": "none", "kv_cache": "auto", "tp": 1, "gpus": 1},
            "does not fit the 79 GiB of h1",
        ),
        (EIGHT_B, {"tp": 16}, r"= 16 ranks take a GPU each, but engine\.gpus = 8 where it is not given"),
        (EIGHT_B, {"calibration": "mine"}, r"engine\.calibration is given, but nothing is calibrated"),
        (EIGHT_B, {"calibration_size": 64}, r"engine\.calibration_size is given, but nothing is calibrated"),
        (SEVENTY_B, {"tp": 2, "gpus": 2}, r"quantizing takes 1\.5 times the 131\.\d GiB .* engine\.gpus"),
        (EIGHT_B, {"gpu": "l4", "max_seq_len": 65536}, r"room for \d+ tokens .*, less than one sequence of 65536"),
    ],
)
def test_a_contradiction_is_refused(path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        designed(path, **changes)


def test_every_shipped_recipe_can_be_built_on_its_gpu() -> None:
    for path in RECIPES.glob("*.toml"):
        if isinstance(load_recipe(path).engine, TensorRtLlmEngine):
            assert designed(path).kv_tokens >= designed(path).max_seq_len


def test_the_price_of_qwen3() -> None:
    recipe = load_recipe(QWEN3)
    assert recipe.model.id == "forii/qwen3"
    assert (str(recipe.price.prompt), str(recipe.price.completion)) == ("0.18", "0.54")


def test_weights_and_cache_of_a_known_model() -> None:
    made = designed(EIGHT_B)
    assert made.weight_bytes == pytest.approx(8.03e9 * 2, rel=0.001)  # as its authors count its weights
    assert made.kv_bytes_per_token == 128 * 1024  # 2 * 32 layers * 8 heads * 128 * 2 bytes


def test_a_gpu_s_share_shrinks_with_ranks_and_bits() -> None:
    one, two = designed(EIGHT_B), designed(EIGHT_B, tp=2)
    assert two.kv_bytes_per_token == one.kv_bytes_per_token // 2
    assert one.weight_bytes / 2 < two.weight_bytes < one.weight_bytes
    assert designed(EIGHT_B, pp=2).kv_bytes_per_token == one.kv_bytes_per_token // 2
    fp8 = designed(EIGHT_B, quantization="fp8", kv_cache="fp8")
    assert fp8.kv_bytes_per_token == one.kv_bytes_per_token // 2
    assert fp8.weight_bytes < 0.6 * one.weight_bytes
    assert designed(EIGHT_B, quantization="int4_awq").weight_bytes < fp8.weight_bytes


def test_key_value_heads_that_are_fewer_than_ranks_are_there_twice() -> None:
    assert designed(EIGHT_B, tp=16, gpus=16).kv_bytes_per_token == designed(EIGHT_B, tp=8).kv_bytes_per_token


def test_key_value_heads_and_ranks_must_divide() -> None:
    recipe = load_recipe(EIGHT_B)
    assert recipe.checkpoint is not None
    assert isinstance(recipe.engine, TensorRtLlmEngine)
    facts = recipe.checkpoint.model_copy(update={"heads": 24, "kv_heads": 6})
    engine = recipe.engine.model_copy(update={"tp": 4})
    with pytest.raises(RecipeError, match="6 key-value heads: one must divide the other"):
        design(recipe.model_copy(update={"checkpoint": facts}), engine)


def test_memory_is_the_table_s() -> None:
    assert GPUS["a100-80gb"].memory == 80 * 1024**3
    assert {gpu.sm for gpu in GPUS.values() if not gpu.fp8} == {80, 86}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            recipe_text("max_btach_size = 8"),
            r"engine: there is no key 'max_btach_size'; its keys are target, gpu, .*",
        ),
        (
            recipe_text(checkpoint=TINY.model_copy(update={"head_size": 128})),
            r"checkpoint\.head_size = 128 times 4 heads is 512, .* checkpoint\.hidden_size = 64",
        ),
        (recipe_text('dtype = "float64"'), r"engine\.dtype: Input should be 'bfloat16' or 'float16'"),
        (recipe_text("[engine.more]\na = 1"), "engine: there is no key 'more'"),
        (recipe_text(checkpoint=None), r"needs a table \[checkpoint\]"),
        (recipe_text(source='kind = "gguf"\nfile = "x.gguf"'), r"set source\.kind to 'huggingface' or 'folder'"),
        (recipe_text(source='kind = "folder"\nfolder = "gone"'), r"config\.json: cannot be read"),
        (recipe_text("max_seq_len = 2048").replace('"test/tiny"', '"t"\ncontext = 1024'), "say it once"),
        (
            recipe_text().replace('"test/tiny"', '"t"\ncontext = 8192'),
            r"model\.context = 8192, but the model has 4096",
        ),
        (
            recipe_text(checkpoint=TINY.model_copy(update={"architecture": "Gemma3ForCausalLM"})),
            "Gemma3ForCausalLM: whether TensorRT-LLM 1.2.1 builds .* is not known here, and nothing was tried",
        ),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_in_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    started = time.monotonic()
    assert main([str(path), "--cache", str(tmp_path / "cache")]) == 1
    assert time.monotonic() - started < 1
    assert not (tmp_path / "cache").exists()
    with pytest.raises(BuildError, match=message):
        raise BuildError(capsys.readouterr().err)


def test_another_target_than_the_recipe_s_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"for the target 'tensorrtllm' \(engine\.target\), not 'openvino'"):
        with_target(load_recipe(EIGHT_B), "openvino")
    assert with_target(load_recipe(EIGHT_B), "tensorrtllm") == load_recipe(EIGHT_B)


def test_the_cpu_target_has_nothing_to_explain() -> None:
    with pytest.raises(RecipeError, match="nothing to explain for the target 'openvino'"):
        explain(load_recipe(RECIPES / "smollm2-135m.toml"))


def test_a_checkpoint_counts_its_experts() -> None:
    dense = Checkpoint(**{**TINY.model_dump(), "architecture": "MixtralForCausalLM"})
    assert TINY.experts == dense.experts == 0
    assert designed(MIXTRAL).weight_bytes * 2 == pytest.approx(46.7e9 * 2, rel=0.01)


def test_a_dry_run_names_what_is_in_the_container(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(QWEN3), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# For the machine or container whose cache is /var/lib/forii\n")
    assert "build_engines forii/qwen3 --cache /var/lib/forii --step facts" in said
    assert str(RECIPES) not in said
    assert str(Path.home() / ".cache") not in said
