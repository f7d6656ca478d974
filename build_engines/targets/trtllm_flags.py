"""The flags of TensorRT-LLM 1.2.1's programs and the values they take; no other can be produced.

Read from its sources: ``tensorrt_llm/commands/build.py`` and ``plugin/plugin.py`` for trtllm-build,
``examples/models/core/{llama,qwen}/convert_checkpoint.py``, ``examples/quantization/quantize.py`` and
``examples/generate_xgrammar_tokenizer_info.py``. Only what decoder-only text models can use is listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from build_engines.recipe import BuildError

VERSION = "1.2.1"
CONTAINER = "nvcr.io/nvidia/tritonserver:26.07-trtllm-python-py3"

TEXT, INTEGER, NUMBER, SWITCH = "a text", "a whole number", "a number", "no value"
ON_OFF = ("enable", "disable")
_PLUGIN = ("auto", "float16", "float32", "bfloat16", "int32", "disable")
_DTYPE = ("auto", "float16", "bfloat16", "float32")

# What a flag takes: one of the kinds above, or one of some words.
Flags = Mapping[str, str | tuple[str, ...]]

BUILD: Flags = {
    "--checkpoint_dir": TEXT,
    "--output_dir": TEXT,
    "--max_batch_size": INTEGER,
    "--max_input_len": INTEGER,
    "--max_seq_len": INTEGER,
    "--max_beam_width": INTEGER,
    "--max_num_tokens": INTEGER,
    "--opt_num_tokens": INTEGER,
    "--kv_cache_type": ("continuous", "paged", "disabled"),
    "--input_timing_cache": TEXT,
    "--output_timing_cache": TEXT,
    "--profiling_verbosity": ("layer_names_only", "detailed", "none"),
    "--strip_plan": SWITCH,
    "--weight_sparsity": SWITCH,
    "--weight_streaming": SWITCH,
    "--fast_build": SWITCH,
    "--workers": INTEGER,
    "--log_level": ("internal_error", "error", "warning", "info", "verbose", "debug", "trace"),
    "--dry_run": SWITCH,
    "--monitor_memory": SWITCH,
    "--logits_dtype": ("float16", "float32"),
    "--gather_context_logits": SWITCH,
    "--gather_generation_logits": SWITCH,
    "--gather_all_token_logits": SWITCH,
    "--gpt_attention_plugin": _PLUGIN,
    "--gemm_plugin": ("auto", "float16", "float32", "bfloat16", "int32", "fp8", "nvfp4", "disable"),
    "--gemm_swiglu_plugin": ("fp8", "disable"),
    "--fp8_rowwise_gemm_plugin": _PLUGIN,
    "--nccl_plugin": _PLUGIN,
    "--moe_plugin": _PLUGIN,
    "--low_latency_gemm_plugin": ("fp8", "disable"),
    "--low_latency_gemm_swiglu_plugin": ("fp8", "disable"),
    "--gemm_allreduce_plugin": ("float16", "bfloat16", "disable"),
    "--context_fmha": ON_OFF,
    "--remove_input_padding": ON_OFF,
    "--tokens_per_block": INTEGER,
    "--use_paged_context_fmha": ON_OFF,
    "--use_fp8_context_fmha": ON_OFF,
    "--fuse_fp4_quant": ON_OFF,
    "--multiple_profiles": ON_OFF,
    "--norm_quant_fusion": ON_OFF,
    "--reduce_fusion": ON_OFF,
    "--user_buffer": ON_OFF,
    "--use_fused_mlp": ON_OFF,
    "--pp_reduce_scatter": ON_OFF,
}
_CONVERT: Flags = {
    "--model_dir": TEXT,
    "--output_dir": TEXT,
    "--dtype": _DTYPE,
    "--tp_size": INTEGER,
    "--pp_size": INTEGER,
    "--moe_tp_size": INTEGER,
    "--moe_ep_size": INTEGER,
    "--workers": INTEGER,
    "--load_model_on_cpu": SWITCH,
    "--use_parallel_embedding": SWITCH,
    "--embedding_sharding_dim": ("0", "1"),
    "--use_weight_only": SWITCH,
    "--smoothquant": NUMBER,
    "--per_channel": SWITCH,
    "--per_token": SWITCH,
    "--int8_kv_cache": SWITCH,
    "--calib_dataset": TEXT,
}
CONVERT_LLAMA: Flags = {
    **_CONVERT,
    "--weight_only_precision": ("int8", "int4", "int8_gptq", "int4_gptq", "int4_awq"),
    "--calib_size": INTEGER,
    "--calib_max_seq_length": INTEGER,
    "--fp8_kv_cache": SWITCH,
    "--use_fp8": SWITCH,
    "--use_nvfp4": SWITCH,
    "--use_fp8_rowwise": SWITCH,
    "--load_by_shard": SWITCH,
    "--log_level": TEXT,
}
CONVERT_QWEN: Flags = {**_CONVERT, "--weight_only_precision": ("int8", "int4", "int4_gptq", "int8_gptq")}
QUANTIZE: Flags = {
    "--model_dir": TEXT,
    "--output_dir": TEXT,
    "--dtype": _DTYPE,
    "--qformat": ("nvfp4", "fp8", "int8_sq", "int4_awq", "w4a8_awq", "int8_wo", "int4_wo", "full_prec"),
    "--kv_cache_dtype": ("int8", "fp8"),
    "--calib_dataset": TEXT,
    "--calib_size": INTEGER,
    "--calib_max_seq_length": INTEGER,
    "--batch_size": INTEGER,
    "--awq_block_size": INTEGER,
    "--tp_size": INTEGER,
    "--pp_size": INTEGER,
    "--seed": INTEGER,
    "--tokenizer_max_seq_length": INTEGER,
    "--device": ("cuda", "cpu"),
    "--device_map": ("auto", "sequential", "cpu", "gpu"),
    "--quantize_lm_head": SWITCH,
}
GUIDES: Flags = {"--model_dir": TEXT, "--output_dir": TEXT}

# Programs by how their command lines begin, an interpreter apart: the end of the path is what counts.
PROGRAMS: Mapping[str, Flags] = {
    "trtllm-build": BUILD,
    "models/core/llama/convert_checkpoint.py": CONVERT_LLAMA,
    "models/core/qwen/convert_checkpoint.py": CONVERT_QWEN,
    "quantization/quantize.py": QUANTIZE,
    "generate_xgrammar_tokenizer_info.py": GUIDES,
}


class FlagError(BuildError):
    """A command line that the program of TensorRT-LLM 1.2.1 would refuse."""


def checked(argv: Sequence[str]) -> tuple[str, ...]:
    """The command line as it is. Raises FlagError for a program, a flag or a value that 1.2.1 does not know, and
    for a flag given twice."""
    program, arguments = (argv[1], argv[2:]) if argv[0] == "python3" else (argv[0], argv[1:])
    flags = next((flags for end, flags in PROGRAMS.items() if program.endswith(end)), None)
    if flags is None:
        raise FlagError(f"{program} is no program of TensorRT-LLM {VERSION} that is known here")
    left, seen = list(arguments), set[str]()
    while left:
        flag = left.pop(0)
        if flag not in flags or flag in seen:
            raise FlagError(f"{program} of TensorRT-LLM {VERSION} takes no {flag}, or takes it once")
        seen.add(flag)
        if flags[flag] != SWITCH and not _fits(flags[flag], left.pop(0) if left else ""):
            raise FlagError(f"{program} of TensorRT-LLM {VERSION} takes for {flag} {_words(flags[flag])}")
    return tuple(argv)


def _fits(kind: str | tuple[str, ...], value: str) -> bool:
    if isinstance(kind, tuple):
        return value in kind
    if kind == TEXT:
        return bool(value) and not value.startswith("--")
    return value.isdecimal() if kind == INTEGER else value.replace(".", "", 1).isdecimal()


def _words(kind: str | tuple[str, ...]) -> str:
    return f"one of {', '.join(kind)}" if isinstance(kind, tuple) else kind
