"""Nothing is produced that TensorRT-LLM 1.2.1's programs would not take."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import get_args

import pytest

from build_engines.build import plan
from build_engines.foresight import explain
from build_engines.progress import Silent
from build_engines.recipe import Recipe, load_recipe
from build_engines.sections import KvCache, Quantization, TensorRtLlmEngine
from build_engines.steps import Command
from build_engines.targets.trtllm_commands import Commands
from build_engines.targets.trtllm_design import design
from build_engines.targets.trtllm_flags import PROGRAMS, FlagError, checked
from build_engines.targets.trtllm_models import FAMILIES

RECIPES = sorted((Path(__file__).parents[2] / "build_engines/recipes").glob("*.toml"))
GPU_RECIPES = [path for path in RECIPES if load_recipe(path).engine.target == "tensorrtllm"]
# Apart from the table that the builder checks itself against: what the recipes use, and the values as a
# pattern; None for a flag without one.
_PATH, _NUMBER = r"/\S+", r"[1-9]\d*"
TAKEN: dict[str, dict[str, str | None]] = {
    "fetch": {"--revision": r"\S+", "--local-dir": _PATH, "--exclude": r"\*consolidated\*"},
    "guides": {"--model_dir": _PATH, "--output_dir": _PATH},
    "convert": {
        "--model_dir": _PATH,
        "--output_dir": _PATH,
        "--dtype": "float16|bfloat16",
        **dict.fromkeys(("--tp_size", "--pp_size", "--moe_tp_size", "--moe_ep_size"), _NUMBER),
    },
    "quantize": {
        "--model_dir": _PATH,
        "--output_dir": _PATH,
        "--dtype": "float16|bfloat16",
        "--qformat": "fp8|int4_awq|int8_sq|nvfp4",
        "--kv_cache_dtype": "fp8|int8",
        "--calib_dataset": r"\S+",
        **dict.fromkeys(("--calib_size", "--tp_size", "--pp_size"), _NUMBER),
    },
    "engine": {
        **dict.fromkeys(("--checkpoint_dir", "--output_dir", "--output_timing_cache"), _PATH),
        **dict.fromkeys(("--max_batch_size", "--max_input_len", "--max_seq_len", "--max_num_tokens"), _NUMBER),
        "--max_beam_width": "1",
        "--kv_cache_type": "paged",
        "--gemm_plugin": "auto|nvfp4",
        "--use_paged_context_fmha": "enable",
        "--use_fp8_context_fmha": "enable",
        "--logits_dtype": "float32",
        "--workers": _NUMBER,
        "--gather_generation_logits": None,
    },
}


def recipe(path: Path, **changes: object) -> tuple[Recipe, TensorRtLlmEngine]:
    """A shipped recipe with changes to its engine."""
    loaded = load_recipe(path)
    assert isinstance(loaded.engine, TensorRtLlmEngine)
    engine = TensorRtLlmEngine.model_validate({**loaded.engine.model_dump(), **changes})
    return loaded.model_copy(update={"engine": engine}), engine


def commands(recipe: Recipe) -> dict[str, Command]:
    steps = plan(recipe, Path("/cache"), Silent()).order()
    return {
        step.name: step.command(Path("/out"), step.inputs(Path("/cache")))
        for step in steps
        if step.command is not None
    }


def test_the_recipes_that_are_promised_are_there() -> None:
    assert {path.stem for path in GPU_RECIPES} >= {
        "llama-3.1-8b",
        "llama-3.1-70b",
        "qwen3-8b",
        "deepseek-r1-distill-qwen-7b",
        "mixtral-8x7b",
    }


@pytest.mark.parametrize("path", GPU_RECIPES, ids=lambda path: path.stem)
def test_every_step_of_every_recipe_is_a_known_command_line(path: Path) -> None:
    made = commands(load_recipe(path))
    assert set(made) >= {"fetch", "guides", "engine"}
    for name, command in made.items():
        given_to = list(command.argv)
        for flag, value in TAKEN[name].items():
            if flag in given_to:
                at = given_to.index(flag)
                taken = given_to[at : at + (1 if value is None else 2)]
                assert value is None or re.fullmatch(value, taken[1]), taken
                del given_to[at : at + len(taken)]
        assert not [left for left in given_to if left.startswith("-")], "flags that the program does not take"
        given = {argument for argument in command.argv if argument.startswith("--")}
        assert given == set(command.reasons), "each flag has a reason"


@pytest.mark.parametrize("path", GPU_RECIPES, ids=lambda path: path.stem)
def test_every_recipe_explains_itself(path: Path) -> None:
    text = explain(load_recipe(path))
    assert "--use_paged_context_fmha enable" in text
    assert "bytes a token" in text


@pytest.mark.parametrize(("revision", "reason"), [("main", "may move"), ("0123456789" * 4, "cannot move")])
def test_a_branch_is_said_to_move(revision: str, reason: str) -> None:
    loaded = load_recipe(GPU_RECIPES[0])
    source = loaded.source.model_copy(update={"revision": revision})
    assert reason in commands(loaded.model_copy(update={"source": source}))["fetch"].reasons["--revision"]


@pytest.mark.parametrize("architecture", FAMILIES)
def test_every_documented_way_to_build_is_a_known_command_line(architecture: str) -> None:
    ways = 0
    for quantization, kv_cache, logits, tp in itertools.product(
        get_args(Quantization), get_args(KvCache), (False, True), (1, 2)
    ):
        if kv_cache not in FAMILIES[architecture].kv_caches.get(quantization, ()):
            continue
        source, _ = recipe(
            GPU_RECIPES[0], quantization=quantization, kv_cache=kv_cache, logits=logits, tp=tp, gpu="b200"
        )
        assert source.checkpoint is not None
        facts = source.checkpoint.model_copy(update={"architecture": architecture})
        made = commands(source.model_copy(update={"checkpoint": facts}))
        assert ("convert" in made) == (quantization == "none")
        assert made["engine"].argv[0] == "trtllm-build"
        ways += 1
    assert ways >= 4


@pytest.mark.parametrize(
    "argv",
    [
        ["trtllm-build", "--paged_kv_cache", "enable"],
        ["trtllm-build", "--kv_cache_type", "pagged"],
        ["trtllm-build", "--max_batch_size", "many"],
        ["trtllm-build", "--max_batch_size"],
        ["trtllm-build", "--max_batch_size", "1", "--max_batch_size", "2"],
        ["trtllm-build", "--gather_generation_logits", "enable"],
        ["trtllm-build", "checkpoint"],
        ["trtllm-serve", "--model", "x"],
        ["python3", "/app/examples/models/core/qwen/convert_checkpoint.py", "--fp8_kv_cache"],
        ["python3", "/app/examples/quantization/quantize.py", "--qformat", "fp4"],
        ["python3", "/app/examples/run.py", "--engine_dir", "x"],
    ],
)
def test_what_the_programs_do_not_know_cannot_be_produced(argv: list[str]) -> None:
    with pytest.raises(FlagError, match=r"TensorRT-LLM 1\.2\.1"):
        checked(argv)


def test_the_reference_s_flags_are_in_the_table() -> None:
    build = PROGRAMS["trtllm-build"]
    for flag in ("--fast_build", "--use_fp8_context_fmha", "--gather_all_token_logits", "--pp_reduce_scatter"):
        assert flag in build
    assert build["--gemm_plugin"] == ("auto", "float16", "float32", "bfloat16", "int32", "fp8", "nvfp4", "disable")


def test_expert_parallelism_is_split_from_tensor_parallelism() -> None:
    path = next(path for path in GPU_RECIPES if path.stem == "mixtral-8x7b")
    source, engine = recipe(path, tp=4, ep=2, gpus=4)
    argv = commands(source)["convert"].argv
    ranks = {flag: argv[argv.index(flag) + 1] for flag in ("--tp_size", "--moe_tp_size", "--moe_ep_size")}
    assert ranks == {"--tp_size": "4", "--moe_tp_size": "2", "--moe_ep_size": "2"}
    assert engine.world_size == 4


def test_logits_are_gathered_only_where_they_are_asked_for() -> None:
    for asked in (True, False):
        source, _ = recipe(GPU_RECIPES[0], logits=asked)
        assert ("--gather_generation_logits" in commands(source)["engine"].argv) == asked


def test_awq_calibrates_on_no_more_than_quantize_takes() -> None:
    source, engine = recipe(GPU_RECIPES[0], quantization="int4_awq", calibration_size=512)
    argv = Commands(design(source, engine), Path("/x")).conversion[2](Path("/out"), {"fetch": Path("/in")}).argv
    assert argv[argv.index("--calib_size") + 1] == "32"
