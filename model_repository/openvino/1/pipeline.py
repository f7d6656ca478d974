"""OpenVINO GenAI's continuous batching pipeline as an engine of the batch.

In: the OpenVINO IR in ``engine/`` beside this file. Paged KV cache with prefix caching, prompts taken in pieces,
XGrammar for guides. A step that raises ruins the pipeline for good: what is in flight is told, and the pipeline
is built anew before the next request.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils
from piece import Piece
from request import Guide, Refusal, Request
from unobserved import genai, openvino

# With all three set the ids of an answer repeat, alone or in a batch (log-probs to about 1e-5); without one of
# them they do not.
PRECISIONS: dict[str, dict[str, str | int]] = {
    "exact": {
        "INFERENCE_PRECISION_HINT": "f32",
        "KV_CACHE_PRECISION": "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
    },
    "fast": {},
}
# A step holds up everybody, a cancelled request too, and on two cores takes a small model about 1 ms a token:
# 64 tokens keep it near 60 ms, and a long prompt alone takes hardly longer than in larger pieces.
_STEP_TOKENS = 64
_BLOCK = 32  # tokens in a block of the KV cache, fixed in OpenVINO's CPU plugin
_PROMPT_TOKENS = 32  # of a step, for prompts while the batch is full


class PipelineEngine:
    """folder: the model's version folder. parameters: ``precision``, ``max_sequences``, ``kv_cache_gb`` and
    ``context``."""

    def __init__(self, folder: Path, parameters: dict[str, str]) -> None:
        self._model = folder / "engine"
        self._precision = PRECISIONS[parameters["precision"]]
        self._max_sequences = int(parameters["max_sequences"])
        self._kv_cache_gb = int(parameters["kv_cache_gb"])
        self._handles: dict[int, genai.GenerationHandle] = {}
        self._unproven: set[int] = set()  # sequences whose guide has not yet led to an id
        self._pipeline: genai.ContinuousBatchingPipeline | None = self._build()
        held = _cache_tokens(self._pipeline)
        if held < int(parameters["context"]):
            # OpenVINO would give up every request there is when one of them did not fit.
            raise ValueError(
                f"the KV cache holds {held} tokens, less than the context of {parameters['context']}: raise"
                " kv_cache_gb or lower context in the model's recipe"
            )

    def add(self, key: int, request: Request) -> None:
        if self._pipeline is None:
            self._pipeline = self._build()
        ids = openvino.Tensor(request.ids.astype(np.int64)[None])
        config = _generation_config(request)
        config.max_new_tokens = request.room
        try:
            self._handles[key] = self._pipeline.add_request(key, ids, config)
        except RuntimeError as error:
            raise Refusal(f"invalid_request: {_reason(error)}") from error
        if request.guide is not None:
            self._unproven.add(key)

    def remove(self, key: int) -> None:
        self._unproven.discard(key)
        handle = self._handles.pop(key, None)
        if handle is not None:
            handle.cancel()

    def step(self) -> Iterator[Piece]:
        if self._pipeline is None or not self._pipeline.has_non_finished_requests():
            return
        try:
            self._pipeline.step()
        except RuntimeError as error:
            yield from self._ruined(error)
            return
        for key, handle in list(self._handles.items()):
            status = handle.get_status()
            if status not in (genai.GenerationStatus.RUNNING, genai.GenerationStatus.FINISHED):
                yield Piece(key, error=f"engine_failed: OpenVINO gave the request up ({status.name})")
            elif handle.can_read():
                self._unproven.discard(key)
                (output,) = handle.read().values()
                ended = status == genai.GenerationStatus.FINISHED
                yield Piece(key, output.generated_ids, output.generated_log_probs, ended)
            elif status == genai.GenerationStatus.FINISHED:
                yield Piece(key, ended=True)

    @property
    def keys(self) -> Collection[int]:
        """The sequences that have not been removed."""
        return self._handles.keys()

    def pause(self) -> float | None:
        busy = self._pipeline is not None and self._pipeline.has_non_finished_requests()
        return 0.0 if busy else None

    def _ruined(self, error: RuntimeError) -> Iterator[Piece]:
        """Gives up the pipeline. Only where one guide alone can have been the cause does it get the blame."""
        pb_utils.Logger.log_error(f"a step failed, the pipeline will be built anew: {error}")
        keys, suspects = list(self._handles), self._unproven
        self._handles, self._unproven, self._pipeline = {}, set(), None
        for key in keys:
            token = "invalid_guide" if suspects == {key} else "engine_failed"
            yield Piece(key, error=f"{token}: {_reason(error)}")

    def _build(self) -> genai.ContinuousBatchingPipeline:
        started = time.monotonic()
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = self._kv_cache_gb
        scheduler.max_num_seqs = self._max_sequences
        scheduler.max_num_batched_tokens = max(_STEP_TOKENS, self._max_sequences + _PROMPT_TOKENS)
        scheduler.dynamic_split_fuse = True
        scheduler.enable_prefix_caching = True
        pipeline = genai.ContinuousBatchingPipeline(str(self._model), scheduler, "CPU", self._precision)
        pb_utils.Logger.log_info(f"pipeline built in {time.monotonic() - started:.1f} s")
        return pipeline


def _cache_tokens(pipeline: genai.ContinuousBatchingPipeline) -> int:
    """How many tokens the KV cache holds. It is not told, so one block is filled to see how much of it that is."""
    config = genai.GenerationConfig()
    config.max_new_tokens = 1
    handle = pipeline.add_request(0, openvino.Tensor(np.zeros((1, 1), dtype=np.int64)), config)
    while pipeline.has_non_finished_requests():
        pipeline.step()
    handle.read()
    percent: float = pipeline.get_metrics().max_cache_usage
    return _BLOCK * round(100 / percent)


def _reason(error: RuntimeError) -> str:
    """The error's text without the place in OpenVINO's sources, on one line."""
    return re.sub(r"(\[[\d:]+\] |Exception from )\S+:\d+:\s*", "", " ".join(str(error).split()))


def _generation_config(request: Request) -> genai.GenerationConfig:
    config = genai.GenerationConfig()
    config.stop_token_ids = {word[0] for word in request.stop_words if len(word) == 1}
    if request.end_id >= 0:
        config.eos_token_id = request.end_id
        config.stop_token_ids |= {request.end_id}
    else:
        config.ignore_eos = request.guide is None  # a guide ends in the tokenizer's own end id, if in no other
    config.logprobs = int(request.log_probs)
    config.do_sample = not request.greedy
    if not request.greedy:
        config.temperature = request.temperature
        config.top_p = request.top_p
        if request.top_k > 0:
            config.top_k = request.top_k
        config.rng_seed = _seed(request.seed)
    config.repetition_penalty = request.repetition_penalty
    config.presence_penalty = request.presence_penalty
    config.frequency_penalty = request.frequency_penalty
    if request.guide is not None:
        config.structured_output_config = _structured_output(request.guide)
    return config


def _seed(seed: int) -> int:
    """The 32 bits that OpenVINO's generator takes of 64: neighbouring seeds, wrapped negative ones too, stay
    apart (Fibonacci hashing, Knuth's TAOCP 3, 6.4)."""
    return (seed * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 32


def _structured_output(guide: Guide) -> genai.StructuredOutputConfig:
    if guide.kind == "regex":
        return genai.StructuredOutputConfig(regex=guide.text)
    if guide.kind == "ebnf_grammar":
        return genai.StructuredOutputConfig(grammar=guide.text)
    return genai.StructuredOutputConfig(json_schema=guide.text or '{"type":"object"}')
