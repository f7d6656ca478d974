"""The tables ``[engine]`` and ``[checkpoint]`` of a recipe: how an engine is built, one class for each target, and
what the model is that it is built from::

    [engine]
    target = "tensorrtllm"
    gpu = "h100-80gb"
    dtype = "bfloat16"

    [checkpoint]
    architecture = "LlamaForCausalLM"
    layers = 32
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Count = Annotated[int, Field(ge=1)]
Quantization = Literal["none", "fp8", "int4_awq", "int8_sq", "nvfp4"]
KvCache = Literal["auto", "fp8", "int8"]


class Strict(BaseModel):
    """A table in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, values: object) -> object:
        """Says more of an unknown key than pydantic does: which ones are known."""
        unknown = sorted(values.keys() - cls.model_fields) if isinstance(values, dict) else []
        if unknown:
            known = ", ".join(cls.model_fields)
            raise PydanticCustomError(
                "unknown_key", "there is no key '{key}'; its keys are {known}", {"key": unknown[0], "known": known}
            )
        return values


class OpenVinoEngine(Strict):
    """How the model runs on the CPU.

    precision: "exact" repeats a seeded answer's text whatever else runs; "fast" gives about half as many tokens
    again per second and lets results vary with the batch. max_sequences: sequences in flight at once.
    kv_cache_gb: memory for the KV cache, in GiB; by default enough for one full context, though at most 4 where
    the context is left open too, which is then lowered to what that holds.
    """

    target: Literal["openvino"] = "openvino"
    precision: Literal["exact", "fast"] = "exact"
    max_sequences: Annotated[int, Field(ge=1, le=256)] = 32
    kv_cache_gb: Count | None = None

    @property
    def logits(self) -> bool:
        """Whether the engine hands out logits, which ``top_logprobs`` needs."""
        return True

    @property
    def biased_guides(self) -> bool:
        """Whether ``logit_bias`` goes together with a grammar."""
        return False


class TensorRtLlmEngine(Strict):
    """A TensorRT-LLM engine and the way Triton serves it.

    gpu: a name of the table in targets/gpus.py. gpus: how many of them the host has; those of tp * pp if not
    given. tp, pp, ep: ranks of tensor, pipeline and (inside tp) expert parallelism. kv_cache: "auto" is dtype.
    max_num_tokens: tokens in one step of the engine, of all sequences. max_seq_len: prompt and answer of one
    sequence; the model's context if not given. max_input_len: prompt of one; all but one token if not given.
    logits: whether the engine hands out logits, which ``top_logprobs`` needs. chunked_context: long prompts
    are read in pieces between the steps of others. kv_cache_fraction: of the memory that the weights leave.
    max_queue_size: requests that wait, beyond which one is refused at once. calibration: for quantization, the
    name of a Hugging Face data set or a folder of one.
    """

    target: Literal["tensorrtllm"]
    gpu: str
    gpus: Count | None = None
    dtype: Literal["bfloat16", "float16"] = "bfloat16"
    quantization: Quantization = "none"
    kv_cache: KvCache = "auto"
    tp: Count = 1
    pp: Count = 1
    ep: Count = 1
    max_batch_size: Annotated[int, Field(ge=1, le=2048)] = 64
    max_num_tokens: Count = 8192
    max_seq_len: Annotated[int, Field(ge=16)] | None = None
    max_input_len: Count | None = None
    logits: bool = False
    chunked_context: bool = True
    kv_cache_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.9
    max_queue_size: Count = 256
    calibration: str = "cnn_dailymail"
    calibration_size: Annotated[int, Field(ge=16)] = 512

    @property
    def world_size(self) -> int:
        """GPUs that one copy of the model takes."""
        return self.tp * self.pp

    @property
    def biased_guides(self) -> bool:
        """Whether ``logit_bias`` goes together with a grammar."""
        return True


class Checkpoint(Strict):
    """What a model is, in the words of its own config.json: sizes of its layers, the context in tokens.
    experts: 0 for a model without. tied: whether the output layer shares the embedding's weights."""

    architecture: str
    layers: Count
    hidden_size: Count
    intermediate_size: Count
    heads: Count
    kv_heads: Count
    head_size: Count
    vocab_size: Count
    context: Annotated[int, Field(ge=16)]
    experts: Annotated[int, Field(ge=0)] = 0
    tied: bool = False
