"""A designed engine in, the command lines of TensorRT-LLM's programs that make it out. Each is checked against the
table of flags, and says why its flags are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from build_engines.steps import Command, Commander
from build_engines.targets.trtllm_design import Design
from build_engines.targets.trtllm_flags import checked

Inputs = Mapping[str, Path]

# Flags with what they are given; None for a flag that takes nothing. Reasons by the flag.
_Given = dict[str, tuple[str | int | None, str]]


class Commands:
    """examples: TensorRT-LLM's folder of that name."""

    def __init__(self, design: Design, examples: Path) -> None:
        self._design = design
        self._engine = design.engine
        self._examples = examples

    @property
    def conversion(self) -> tuple[str, str, Commander]:
        """The name, the title and the command of the step that makes the TensorRT-LLM checkpoint."""
        if self._engine.quantization == "none":
            return "convert", "the conversion to a TensorRT-LLM checkpoint", self._convert
        return "quantize", "the quantization to a TensorRT-LLM checkpoint", self._quantize

    def guides(self, folder: Path, inputs: Inputs) -> Command:
        given: _Given = {
            "--model_dir": (_checkpoint(inputs), "the tokenizer is read from it, not the weights"),
            "--output_dir": (str(folder), "gets xgrammar_tokenizer_info.json"),
        }
        return _command(self._script("generate_xgrammar_tokenizer_info.py"), given)

    def build(self, folder: Path, inputs: Inputs) -> Command:
        engine, design = self._engine, self._design
        given: _Given = {
            "--checkpoint_dir": (str(inputs[self.conversion[0]]), "what the step before made"),
            "--output_dir": (str(folder), "gets config.json and an engine for each rank"),
            "--output_timing_cache": (str(folder / "model.cache"), "else it is left in the working directory"),
            "--max_batch_size": (engine.max_batch_size, "sequences in flight at once"),
            "--max_input_len": (design.max_input_len, "the longest prompt"),
            "--max_seq_len": (design.max_seq_len, "the longest prompt and answer together; the API's context"),
            "--max_num_tokens": (
                engine.max_num_tokens,
                "tokens of all sequences in one step; chunked, a long prompt holds up others no longer than that",
            ),
            "--max_beam_width": (1, "sampling only; no beam search"),
            "--kv_cache_type": ("paged", "blocks that sequences take and give back, and that prompts can share"),
            "--gemm_plugin": ("auto" if engine.quantization == "none" else self._gemm(), self._gemm_reason()),
            "--use_paged_context_fmha": ("enable", "prefix reuse and chunked context need it"),
            "--logits_dtype": ("float32", "must agree with the logits' TYPE_FP32 in config.pbtxt"),
            "--workers": (engine.world_size, "ranks are built side by side, one on each GPU"),
        }
        if engine.logits:
            given["--gather_generation_logits"] = (None, "logits leave the engine, for top_logprobs")
        if engine.kv_cache == "fp8":
            given["--use_fp8_context_fmha"] = (
                "enable",
                "prompts are read in FP8 too, which an FP8 cache goes with",
            )
        return _command(("trtllm-build",), given)

    def _convert(self, folder: Path, inputs: Inputs) -> Command:
        engine = self._engine
        given: _Given = {
            "--model_dir": (_checkpoint(inputs), "the weights as they were fetched"),
            "--output_dir": (str(folder), "gets config.json and a file of weights for each rank"),
            "--dtype": (engine.dtype, "of weights and activations"),
            "--tp_size": (engine.tp, "GPUs that share each layer"),
            "--pp_size": (engine.pp, "groups of GPUs that share the layers out"),
        }
        if engine.ep > 1:
            given["--moe_tp_size"] = (engine.tp // engine.ep, "GPUs that share each expert")
            given["--moe_ep_size"] = (engine.ep, "groups of GPUs that share the experts out")
        if engine.kv_cache == "int8":
            given["--int8_kv_cache"] = (None, "calibrates the scales of an 8-bit KV cache")
            given["--calib_dataset"] = (engine.calibration, "what to calibrate on")
        return _command(self._script(f"models/core/{self._design.family.converter}/convert_checkpoint.py"), given)

    def _quantize(self, folder: Path, inputs: Inputs) -> Command:
        engine = self._engine
        given: _Given = {
            "--model_dir": (_checkpoint(inputs), "the weights as they were fetched"),
            "--output_dir": (str(folder), "gets config.json and a file of weights for each rank"),
            "--dtype": (engine.dtype, "of what is not quantized: embedding, output layer, activations"),
            "--qformat": (engine.quantization, "how the weights are quantized"),
            "--tp_size": (engine.tp, "GPUs that share each layer"),
            "--pp_size": (engine.pp, "groups of GPUs that share the layers out"),
            "--calib_dataset": (engine.calibration, "what the scales are measured on"),
            "--calib_size": (self._samples(), "samples of it"),
        }
        if engine.kv_cache != "auto":
            given["--kv_cache_dtype"] = (
                engine.kv_cache,
                "half the memory of the KV cache, so twice the sequences",
            )
        if engine.quantization == "int4_awq":
            given["--awq_block_size"] = (128, "weights that share a scale; the size the kernels are written for")
        return _command(self._script("quantization/quantize.py"), given)

    def _samples(self) -> int:
        """quantize.py takes no more than 32 for AWQ, whatever it is given."""
        size = self._engine.calibration_size
        return min(size, 32) if self._engine.quantization == "int4_awq" else size

    def _gemm(self) -> str:
        return "nvfp4" if self._engine.quantization == "nvfp4" else "auto"

    def _gemm_reason(self) -> str:
        if self._engine.quantization == "nvfp4":
            return "NVFP4 matrix products are the plugin's"
        return "cuBLASLt for what is not quantized, in the model's dtype"

    def _script(self, path: str) -> tuple[str, ...]:
        return ("python3", str(self._examples / path))


def _checkpoint(inputs: Inputs) -> str:
    return str(inputs["fetch"] / "checkpoint")


def _command(program: tuple[str, ...], given: _Given) -> Command:
    argv = list(program)
    for flag, (value, _) in given.items():
        argv += [flag] if value is None else [flag, str(value)]
    return Command(checked(argv), {flag: reason for flag, (_, reason) in given.items()})
