"""What one request asks for: the input tensors of the token contract in, a Request or a Refusal out.

The tensors and what they mean when absent follow Triton's TensorRT-LLM backend (its ``utils.cc``): no top-k and
no top-p is greedy, a top-p of 0 or less is none, the seed is 0, the room is silently lowered to what the context
leaves. Everything is checked here, before the request meets the others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from stop_words import read_stop_words

GUIDE_TYPES = ("json", "json_schema", "regex", "ebnf_grammar")

# The input tensors of one request by name, without the batch dimension; None where one is absent.
Tensors = Callable[[str], npt.NDArray[np.generic] | None]


class Refusal(Exception):
    """A request that is wrong in itself. The text starts with a stable token: ``prompt_too_long:``,
    ``invalid_guide:``, ``unsupported:`` or ``invalid_request:``."""


@dataclass(frozen=True)
class Limits:
    """What the model bears. context: tokens that prompt and answer share. vocab_size: ids are below it.
    end_id: ends an answer where the request names no other."""

    context: int
    vocab_size: int
    end_id: int

    @classmethod
    def of(cls, parameters: dict[str, str]) -> Limits:
        end_ids = json.loads(f"[{parameters['end_ids'].strip('[]')}]")
        return cls(int(parameters["context"]), int(parameters["vocab_size"]), int(end_ids[0]))


@dataclass(frozen=True)
class Guide:
    """A grammar that the answer has to follow: one of GUIDE_TYPES and its text (empty for ``json``)."""

    kind: str
    text: str


@dataclass(frozen=True)
class Request:
    """A checked request. room: most ids the answer may have. top_k 0 and top_p 1.0 are off. seed: 64 bits.
    log_probs, logits, perf_metrics: whether those outputs are wanted. bias: [vocabulary], is added to the
    logits of every step."""

    ids: npt.NDArray[np.int32]
    room: int
    end_id: int
    stop_words: tuple[tuple[int, ...], ...]
    greedy: bool
    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float
    seed: int
    log_probs: bool
    logits: bool
    perf_metrics: bool
    guide: Guide | None
    bias: npt.NDArray[np.float32] | None


def read_request(tensors: Tensors, limits: Limits) -> Request:
    """Raises Refusal for a request that this model cannot serve."""
    _refuse_unsupported(tensors)
    ids = _prompt(tensors, limits)
    room = _whole(tensors, "request_output_len", 0)
    if room < 1:
        raise Refusal(f"invalid_request: request_output_len must be at least 1, not {room}")
    temperature = _number(tensors, "temperature", 1.0, 0.0, math.inf)
    top_k = _whole(tensors, "runtime_top_k", 0)
    top_p = _number(tensors, "runtime_top_p", 0.0, -math.inf, 1.0)
    if top_k < 0:
        raise Refusal(f"invalid_request: runtime_top_k must not be negative, but is {top_k}")
    return Request(
        ids=ids,
        room=min(room, limits.context - len(ids)),
        end_id=_whole(tensors, "end_id", limits.end_id),
        stop_words=_stop_words(tensors),
        greedy=temperature == 0 or top_k == 1 or (top_k == 0 and top_p <= 0),
        temperature=temperature,
        top_k=top_k,
        top_p=top_p if top_p > 0 else 1.0,
        repetition_penalty=_number(tensors, "repetition_penalty", 1.0, 1e-6, math.inf),
        presence_penalty=_number(tensors, "presence_penalty", 0.0, -2.0, 2.0),
        frequency_penalty=_number(tensors, "frequency_penalty", 0.0, -2.0, 2.0),
        seed=_whole(tensors, "seed", 0),
        log_probs=_flag(tensors, "return_log_probs"),
        logits=_flag(tensors, "return_generation_logits"),
        perf_metrics=_flag(tensors, "return_perf_metrics"),
        guide=_guide(tensors),
        bias=_bias(tensors, limits),
    )


def _refuse_unsupported(tensors: Tensors) -> None:
    if not _flag(tensors, "streaming"):
        raise Refusal("unsupported: streaming must be true, every answer is a stream")


def _prompt(tensors: Tensors, limits: Limits) -> npt.NDArray[np.int32]:
    sent = tensors("input_ids")
    held = 0 if sent is None else len(sent)
    length = _whole(tensors, "input_lengths", held)
    if sent is None or not 1 <= length <= held:
        raise Refusal(f"invalid_request: input_lengths is {length} where input_ids holds {held}")
    if length >= limits.context:
        raise Refusal(
            f"prompt_too_long: the prompt has {length} tokens and the context of {limits.context} has to hold an"
            " answer too"
        )
    ids = sent[:length].astype(np.int32, copy=False)
    wrong = ids[(ids < 0) | (ids >= limits.vocab_size)]
    if wrong.size:
        raise Refusal(f"invalid_request: token id {wrong[0]} is not in the vocabulary of {limits.vocab_size}")
    return ids


def _stop_words(tensors: Tensors) -> tuple[tuple[int, ...], ...]:
    encoded = tensors("stop_words_list")
    if encoded is None:
        return ()
    try:
        return read_stop_words(encoded.tolist())
    except ValueError as error:
        raise Refusal(f"invalid_request: stop_words_list: {error}") from error


def _bias(tensors: Tensors, limits: Limits) -> npt.NDArray[np.float32] | None:
    bias = tensors("embedding_bias")
    if bias is None:
        return None
    if len(bias) != limits.vocab_size:
        raise Refusal(
            f"invalid_request: embedding_bias has {len(bias)} values where the vocabulary has {limits.vocab_size}"
        )
    values = bias.astype(np.float32)
    if not np.isfinite(values).all():
        raise Refusal("invalid_request: embedding_bias must be finite numbers")
    return values


def _guide(tensors: Tensors) -> Guide | None:
    kind, text = _text(tensors, "guided_decoding_guide_type"), _text(tensors, "guided_decoding_guide")
    if kind is None:
        if text is not None:
            raise Refusal("invalid_guide: guided_decoding_guide needs guided_decoding_guide_type")
        return None
    if kind not in GUIDE_TYPES:
        raise Refusal(f"invalid_guide: guide type {kind!r} is none of {', '.join(GUIDE_TYPES)}")
    if kind != "json" and not text:
        raise Refusal(f"invalid_guide: guide type {kind} needs guided_decoding_guide")
    return Guide(kind, text or "")


def _text(tensors: Tensors, name: str) -> str | None:
    value = tensors(name)
    if value is None:
        return None
    try:
        return bytes(value[0]).decode()
    except UnicodeDecodeError as error:
        raise Refusal(f"invalid_guide: {name} is not UTF-8: {error}") from error


def _whole(tensors: Tensors, name: str, default: int) -> int:
    value = tensors(name)
    return default if value is None else int(value[0])


def _number(tensors: Tensors, name: str, default: float, least: float, most: float) -> float:
    value = tensors(name)
    number = default if value is None else float(value[0])
    if not math.isfinite(number) or not least <= number <= most:
        raise Refusal(f"invalid_request: {name} must lie between {least:g} and {most:g}, but is {number:g}")
    return number


def _flag(tensors: Tensors, name: str) -> bool:
    value = tensors(name)
    return value is not None and bool(value[0])
