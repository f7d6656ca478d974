"""What TensorRT-LLM 1.2.1 is documented to build engines of, by the architecture that a checkpoint's config.json
names.

From its sources: ``tensorrt_llm/models/__init__.py`` (what trtllm-build knows), the support matrix and the
precision table under ``docs/source/legacy/reference``, and the README beside each ``convert_checkpoint.py``. Where
these disagree, docs/deploy-gpu.md says so. What is not here may well work; it was not found documented and is not
tried.
"""

from __future__ import annotations

from dataclasses import dataclass

from build_engines.recipe import RecipeError
from build_engines.sections import KvCache, Quantization
from build_engines.targets.gpus import AMPERE, HOPPER
from build_engines.targets.trtllm_flags import VERSION


@dataclass(frozen=True)
class Family:
    """converter: the folder of its convert_checkpoint.py below examples/models/core. kv_caches: the KV cache types
    documented for each way of quantizing the weights. sm: the oldest GPU architecture it is documented for.
    pp: whether pipeline parallelism is documented."""

    converter: str
    kv_caches: dict[Quantization, tuple[KvCache, ...]]
    sm: int = AMPERE
    pp: bool = True


_LLAMA = Family(
    "llama",
    {
        "none": ("auto", "int8"),
        "fp8": ("auto", "fp8"),
        "int8_sq": ("auto",),
        "int4_awq": ("auto", "int8"),
        "nvfp4": ("auto", "fp8"),
    },
)
_MISTRAL = Family("llama", {kind: caches for kind, caches in _LLAMA.kv_caches.items() if kind != "nvfp4"})
_MIXTRAL = Family("llama", {"none": ("auto",), "fp8": ("auto", "fp8"), "nvfp4": ("auto", "fp8")})
_QWEN2 = Family(
    "qwen",
    {"none": ("auto", "int8"), "fp8": ("auto", "fp8"), "int8_sq": ("auto",), "int4_awq": ("auto",)},
)
_QWEN3 = Family("qwen", {"none": ("auto",)}, sm=HOPPER, pp=False)

FAMILIES = {
    "LlamaForCausalLM": _LLAMA,
    "MistralForCausalLM": _MISTRAL,
    "MixtralForCausalLM": _MIXTRAL,
    "Qwen2ForCausalLM": _QWEN2,
    "Qwen3ForCausalLM": _QWEN3,
}


def find_family(architecture: str) -> Family:
    """Raises RecipeError for an architecture of which nothing is known here."""
    if architecture not in FAMILIES:
        raise RecipeError(
            f"{architecture}: whether TensorRT-LLM {VERSION} builds an engine of this architecture is not known "
            f"here, and nothing was tried. Known are {', '.join(FAMILIES)}"
        )
    return FAMILIES[architecture]
