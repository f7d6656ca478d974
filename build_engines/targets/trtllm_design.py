"""A recipe and the facts of its checkpoint in; the engine that is to be built, with every choice made, out.

Whatever contradicts itself, or is not documented for TensorRT-LLM 1.2.1, is refused here, before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from build_engines.checkpoint import read_checkpoint
from build_engines.recipe import FolderSource, Recipe, RecipeError
from build_engines.sections import Checkpoint, TensorRtLlmEngine
from build_engines.targets.gpus import Gpu, find_gpu
from build_engines.targets.trtllm_flags import VERSION
from build_engines.targets.trtllm_models import Family, find_family

# Bytes of one weight of a linear layer; the scales of four-bit formats counted in (one of two bytes for 128
# weights, one of one byte for 16).
_WEIGHT_BYTES = {"none": 2.0, "fp8": 1.0, "int8_sq": 1.0, "int4_awq": 0.5 + 2 / 128, "nvfp4": 0.5 + 1 / 16}
# What a rank takes beside weights and cache: the CUDA context, NCCL, cuBLAS and the engine's own code. A guess.
_FIXED_BYTES = 2 * 1024**3

_USUAL_GPUS = 8  # on a host whose recipe does not say
_QUANTIZING = 1.5  # times the weights in 16 bits is what quantize.py takes of all GPUs together


@dataclass(frozen=True)
class Design:
    """The engine to build. max_seq_len, max_input_len: tokens. All bytes are of one GPU."""

    engine: TensorRtLlmEngine
    checkpoint: Checkpoint
    family: Family
    gpu: Gpu
    max_seq_len: int
    max_input_len: int

    @property
    def weight_bytes(self) -> int:
        """Embedding and output layer keep their 16 bits; linear layers are as quantized. Norms are left out."""
        return int(self._weight_bytes(self.engine.quantization, self.engine.world_size, self.engine.tp))

    @property
    def unquantized_bytes(self) -> int:
        """The whole model in 16 bits, as it is quantized from."""
        return int(self._weight_bytes("none", 1, 1))

    def _weight_bytes(self, quantization: str, ranks: int, tp: int) -> float:
        model = self.checkpoint
        attention = model.hidden_size * model.head_size * (2 * model.heads + 2 * model.kv_heads)
        mlp = 3 * model.hidden_size * model.intermediate_size * max(1, model.experts)
        router = model.hidden_size * model.experts * 2
        layers = model.layers * ((attention + mlp) * _WEIGHT_BYTES[quantization] + router)
        tables = model.vocab_size * model.hidden_size * 2
        # The embedding is whole on every rank, the output layer is cut.
        return layers / ranks + tables + tables / tp

    @property
    def activation_bytes(self) -> int:
        """Room of one step: the hidden states and the widest layer of max_num_tokens tokens, in 16 bits, twice
        over, and the logits of a full batch in 32. A guess on the safe side."""
        model = self.checkpoint
        widest = 2 * model.hidden_size + 2 * model.intermediate_size // self.engine.tp
        return 4 * self.engine.max_num_tokens * widest + 8 * self.engine.max_batch_size * model.vocab_size

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of this GPU's layers and heads; heads fewer than ranks are there more than once."""
        model = self.checkpoint
        heads = -(-model.kv_heads // self.engine.tp)
        layers = -(-model.layers // self.engine.pp)
        return 2 * layers * heads * model.head_size * (2 if self.engine.kv_cache == "auto" else 1)

    @property
    def kv_bytes(self) -> int:
        """What is left for the KV cache, by kv_cache_fraction; negative where the weights do not fit."""
        free = self.gpu.memory - self.weight_bytes - self.activation_bytes - _FIXED_BYTES
        return int(free * (self.engine.kv_cache_fraction if free > 0 else 1))

    @property
    def kv_tokens(self) -> int:
        return max(0, self.kv_bytes) // self.kv_bytes_per_token


def design(recipe: Recipe, engine: TensorRtLlmEngine) -> Design:
    """Raises RecipeError for what cannot be, naming the key and what would do; CheckpointError for a source folder
    that is no checkpoint."""
    checkpoint = _checkpoint(recipe)
    max_seq_len = _max_seq_len(recipe, engine, checkpoint)
    made = Design(
        engine=engine,
        checkpoint=checkpoint,
        family=find_family(checkpoint.architecture),
        gpu=find_gpu(engine.gpu),
        max_seq_len=max_seq_len,
        max_input_len=engine.max_input_len or max_seq_len - 1,
    )
    for check in (
        _check_shape,
        _check_hardware,
        _check_ranks,
        _check_calibration,
        _check_formats,
        _check_lengths,
        _check_memory,
        _check_quantizing,
    ):
        check(made, _refusal(recipe))
    return made


Refusal = Callable[[str], RecipeError]


def _refusal(recipe: Recipe) -> Refusal:
    return lambda text: RecipeError(f"{recipe.model.id}: {text}")


def _checkpoint(recipe: Recipe) -> Checkpoint:
    if not isinstance(recipe.source, FolderSource):
        if recipe.checkpoint is None:
            raise RecipeError(
                f"{recipe.model.id}: the weights are not here yet, so the recipe needs a table [checkpoint] "
                "with the sizes in the model's config.json"
            )
        return recipe.checkpoint
    found = read_checkpoint(recipe.source.folder)
    if recipe.checkpoint is not None:
        check_same(recipe.checkpoint, found, str(recipe.source.folder))
    return found


def check_same(stated: Checkpoint, found: Checkpoint, where: str) -> None:
    """Raises RecipeError when the recipe's table and the checkpoint's config.json disagree."""
    for key, value in stated.model_dump().items():
        actual = getattr(found, key)
        if value != actual:
            raise RecipeError(
                f"checkpoint.{key} = {value!r}, but {where}/config.json says {actual!r}; correct the recipe"
            )


def _max_seq_len(recipe: Recipe, engine: TensorRtLlmEngine, checkpoint: Checkpoint) -> int:
    refuse = _refusal(recipe)
    asked, context = engine.max_seq_len, recipe.model.context
    if asked and context and asked != context:
        raise refuse(f"engine.max_seq_len = {asked} and model.context = {context} are the same thing; say it once")
    length = asked or context or checkpoint.context
    if length > checkpoint.context:
        key = "engine.max_seq_len" if asked else "model.context"
        raise refuse(f"{key} = {length}, but the model has {checkpoint.context}; set it to that or less")
    return length


def _check_shape(design: Design, refuse: Refusal) -> None:
    """Heads together are as wide as the model, or (some models) up to twice or half as wide."""
    model = design.checkpoint
    width = model.heads * model.head_size
    if not model.hidden_size <= 2 * width <= 4 * model.hidden_size:
        raise refuse(
            f"checkpoint.head_size = {model.head_size} times {model.heads} heads is {width}, which does not go "
            f"with checkpoint.hidden_size = {model.hidden_size}; correct it from the model's config.json"
        )


def _check_hardware(design: Design, refuse: Refusal) -> None:
    engine, gpu = design.engine, design.gpu
    gpus = engine.gpus or _USUAL_GPUS
    if engine.world_size > gpus:
        raise refuse(
            f"engine.tp * engine.pp = {engine.world_size} ranks take a GPU each, but engine.gpus = {gpus}"
            f"{'' if engine.gpus else ' where it is not given'}: lower them, or say how many GPUs the host has"
        )
    if gpu.sm < design.family.sm:
        raise refuse(
            f"{design.checkpoint.architecture} is documented for GPUs from architecture {design.family.sm} on; "
            f"engine.gpu = {gpu.name!r} has {gpu.sm}"
        )
    if "fp8" in (engine.quantization, engine.kv_cache) and not gpu.fp8:
        raise refuse(f"fp8 needs a GPU of architecture 89 or newer; engine.gpu = {gpu.name!r} has {gpu.sm}")
    if engine.quantization == "nvfp4" and not gpu.fp4:
        raise refuse(f"nvfp4 needs a GPU of architecture 100 or newer; engine.gpu = {gpu.name!r} has {gpu.sm}")


def _check_ranks(design: Design, refuse: Refusal) -> None:
    engine, model = design.engine, design.checkpoint
    if model.heads % engine.tp:
        raise refuse(f"engine.tp = {engine.tp} does not divide the model's {model.heads} attention heads")
    if model.kv_heads % engine.tp and engine.tp % model.kv_heads:
        raise refuse(
            f"engine.tp = {engine.tp} and the model's {model.kv_heads} key-value heads: one must divide the other"
        )
    if engine.pp > 1 and not design.family.pp:
        raise refuse(f"engine.pp = {engine.pp}: {model.architecture} is not documented with pipeline parallelism")
    if model.layers % engine.pp:
        raise refuse(f"engine.pp = {engine.pp} does not divide the model's {model.layers} layers")
    if engine.ep > 1 and not model.experts:
        raise refuse(f"engine.ep = {engine.ep}, but the model has no experts")
    if engine.tp % engine.ep or model.experts % engine.ep:
        raise refuse(
            f"engine.ep = {engine.ep} must divide engine.tp = {engine.tp} and the {model.experts} experts"
        )
    if engine.ep > 1 and engine.quantization != "none":
        raise refuse(
            f"engine.ep = {engine.ep}: quantize.py of {VERSION} takes no expert parallelism; use tp alone"
        )


def _check_calibration(design: Design, refuse: Refusal) -> None:
    engine = design.engine
    unused = {"calibration", "calibration_size"} if engine.quantization == "none" else set()
    if engine.kv_cache == "int8":
        unused -= {"calibration"}
    for key in sorted(unused):
        if getattr(engine, key) != TensorRtLlmEngine.model_fields[key].default:
            raise refuse(f"engine.{key} is given, but nothing is calibrated; remove it or set engine.quantization")


def _check_quantizing(design: Design, refuse: Refusal) -> None:
    engine, gib = design.engine, 1024**3
    gpus = engine.gpus or engine.world_size
    if engine.quantization != "none" and design.unquantized_bytes * _QUANTIZING > gpus * design.gpu.memory:
        raise refuse(
            f"quantizing takes {_QUANTIZING} times the {design.unquantized_bytes / gib:.1f} GiB of the 16-bit "
            f"weights, more than {gpus} x {design.gpu.memory_gib} GiB: set engine.gpus to the GPUs of a host that "
            "has more, or take a larger engine.gpu"
        )


def _check_formats(design: Design, refuse: Refusal) -> None:
    engine, name = design.engine, design.checkpoint.architecture
    known = design.family.kv_caches
    if engine.quantization not in known:
        raise refuse(
            f"engine.quantization = {engine.quantization!r} is not documented for {name} in TensorRT-LLM "
            f"{VERSION}; documented are {', '.join(known)}"
        )
    if engine.kv_cache not in known[engine.quantization]:
        raise refuse(
            f"engine.kv_cache = {engine.kv_cache!r} with quantization {engine.quantization!r} is not documented "
            f"for {name} in TensorRT-LLM {VERSION}; documented are {', '.join(known[engine.quantization])}"
        )


def _check_lengths(design: Design, refuse: Refusal) -> None:
    engine = design.engine
    if design.max_input_len >= design.max_seq_len:
        raise refuse(
            f"engine.max_input_len = {design.max_input_len} leaves no token to answer with of {design.max_seq_len}"
        )
    if engine.max_num_tokens < engine.max_batch_size:
        raise refuse(
            f"engine.max_num_tokens = {engine.max_num_tokens} is less than engine.max_batch_size = "
            f"{engine.max_batch_size}, and every sequence takes at least one token of a step"
        )
    if not engine.chunked_context and design.max_input_len > engine.max_num_tokens:
        raise refuse(
            f"a prompt may have {design.max_input_len} tokens and a step only engine.max_num_tokens = "
            f"{engine.max_num_tokens}: raise it, lower engine.max_input_len, or set engine.chunked_context = true"
        )


def _check_memory(design: Design, refuse: Refusal) -> None:
    engine, gib = design.engine, 1024**3
    if design.kv_bytes <= 0:
        raise refuse(
            f"the weights take {design.weight_bytes / gib:.1f} GiB of each of {engine.world_size} GPUs and a step "
            f"{design.activation_bytes / gib:.1f} GiB, which does not fit the {design.gpu.memory_gib} GiB of "
            f"{design.gpu.name}: raise engine.tp, quantize, or take a larger GPU"
        )
    if design.kv_tokens < design.max_seq_len:
        raise refuse(
            f"the weights leave room for {design.kv_tokens} tokens of KV cache, less than one sequence of "
            f"{design.max_seq_len}: lower engine.max_seq_len, raise engine.tp, or quantize"
        )
