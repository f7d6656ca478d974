"""The token contract as Triton's protobuf: a Generation in, a request out; a response in, Tokens out.

Source: engine contract ("Request tensors", "Response tensors"); KServe v2 gRPC with raw tensor contents.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from tritonclient.grpc import service_pb2 as pb

from ..generation import FinishReason, Generation, Tokens, TopLogProbs
from .logits import log_probs, read_rows

_LOGITS = "generation_logits"
_SIZES = {"INT32": 4, "FP32": 4, "BOOL": 1, "UINT64": 8}


def encode(generation: Generation) -> pb.ModelInferRequest:
    """The request of one sample, every tensor with the leading batch dimension of 1."""
    request = pb.ModelInferRequest(model_name=generation.model, id=generation.request_id)
    request.parameters["triton_enable_empty_final_response"].bool_param = True
    sampling = generation.sampling
    greedy = sampling.temperature == 0
    _add(request, "input_ids", "INT32", _int32s(generation.prompt))
    _add(request, "input_lengths", "INT32", _int32s([len(generation.prompt)]))
    _add(request, "request_output_len", "INT32", _int32s([generation.max_tokens]))
    _add(request, "end_id", "INT32", _int32s([generation.end_ids[0]]))
    _add(request, "pad_id", "INT32", _int32s([generation.pad_id]))
    _add(request, "streaming", "BOOL", b"\x01")
    _add(request, "temperature", "FP32", _float32(1.0 if greedy else sampling.temperature))
    _add(request, "runtime_top_p", "FP32", _float32(sampling.top_p))
    _add(request, "runtime_top_k", "INT32", _int32s([1 if greedy else sampling.top_k]))
    _add(request, "seed", "UINT64", struct.pack("<Q", generation.seed))
    _add(request, "return_perf_metrics", "BOOL", b"\x01")
    for name, value, neutral in (
        ("repetition_penalty", sampling.repetition_penalty, 1.0),
        ("presence_penalty", sampling.presence_penalty, 0.0),
        ("frequency_penalty", sampling.frequency_penalty, 0.0),
    ):
        if value != neutral:
            _add(request, name, "FP32", _float32(value))
    _add_stop_words(request, [*((end,) for end in generation.end_ids[1:]), *generation.stop_words])
    outputs = ["output_ids", "sequence_length", "kv_cache_reused_blocks"]
    if generation.top_log_probs:
        _add(request, "return_generation_logits", "BOOL", b"\x01")
        outputs.append(_LOGITS)
    elif generation.log_probs:
        _add(request, "return_log_probs", "BOOL", b"\x01")
        outputs.append("output_log_probs")
    if generation.logit_bias:
        _add(request, "embedding_bias", "FP32", _bias(generation))
    if generation.guide is not None:
        _add_string(request, "guided_decoding_guide_type", generation.guide.kind)
        _add_string(request, "guided_decoding_guide", generation.guide.text)
    for name in outputs:
        request.outputs.add(name=name)
    return request


def _add(request: pb.ModelInferRequest, name: str, kind: str, data: bytes) -> None:
    request.inputs.add(name=name, datatype=kind, shape=[1, len(data) // _SIZES[kind]])
    request.raw_input_contents.append(data)


def _add_string(request: pb.ModelInferRequest, name: str, text: str) -> None:
    data = text.encode()
    request.inputs.add(name=name, datatype="BYTES", shape=[1, 1])
    request.raw_input_contents.append(struct.pack("<I", len(data)) + data)


def _add_stop_words(request: pb.ModelInferRequest, words: list[tuple[int, ...]]) -> None:
    """Row 0: the ids of all words in a row; row 1: where each word ends, padded with -1."""
    if not words:
        return
    ids = [token for word in words for token in word]
    ends, end = [], 0
    for word in words:
        end += len(word)
        ends.append(end)
    ends += [-1] * (len(ids) - len(ends))
    request.inputs.add(name="stop_words_list", datatype="INT32", shape=[1, 2, len(ids)])
    request.raw_input_contents.append(_int32s([*ids, *ends]))


def _bias(generation: Generation) -> bytes:
    """Dense, and not a value more or less than the vocabulary has."""
    bias = np.zeros(generation.vocab_size, dtype="<f4")
    for token, value in generation.logit_bias.items():
        bias[token] = value
    return bias.tobytes()


def _int32s(values: Iterable[int]) -> bytes:
    return array("i", values).tobytes()


def _float32(value: float) -> bytes:
    return struct.pack("<f", value)


class TokenReader:
    """Reads the responses of one request in order.

    The backend gives no finish reason: an end id or a stop word, or an end before the room was used up, is
    "stop", anything else "length".
    """

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._ends = frozenset(generation.end_ids)
        self._count = 0
        self._tail: list[int] = []
        self._ended = False

    def read(self, response: pb.ModelInferResponse) -> Tokens:
        """What the response adds. Raises ValueError if it has no log-prob or no logits for one of the ids."""
        named = zip(response.outputs, response.raw_output_contents, strict=True)
        raw = {output.name: data for output, data in named}
        ids = self._new_ids(raw)
        chosen: Sequence[float] = ()
        top: Sequence[TopLogProbs] = ()
        if ids and self._generation.top_log_probs:
            width = next((output.shape[-1] for output in response.outputs if output.name == _LOGITS), 0)
            rows = read_rows(raw.get(_LOGITS, b""), width, self._generation.vocab_size)
            chosen, top = log_probs(rows[: len(ids)], ids, self._generation.top_log_probs)
        elif ids and self._generation.log_probs:
            chosen = self._chosen(raw, len(ids))
        self._count += len(ids)
        blocks = raw.get("kv_cache_reused_blocks")
        finish = self._finish() if response.parameters["triton_final_response"].bool_param else None
        return Tokens(ids, chosen, finish, struct.unpack("<i", blocks)[0] if blocks else 0, top)

    def _chosen(self, raw: dict[str, bytes], count: int) -> Sequence[float]:
        """The log-probs of the new ids; they arrive for the whole generation so far."""
        start = 4 * self._count
        values = array("f", raw.get("output_log_probs", b"")[start : start + 4 * count])
        if len(values) != count:
            raise ValueError(f"{count} ids came with {len(values)} log-probs")
        return values

    def _new_ids(self, raw: dict[str, bytes]) -> list[int]:
        if self._ended or "output_ids" not in raw:
            return []
        ids = array("i", raw["output_ids"]).tolist()
        length = raw.get("sequence_length")
        if length:
            ids = ids[: struct.unpack("<i", length[:4])[0]]
        for place, token in enumerate(ids):
            if token in self._ends:
                self._ended = True
                ids = ids[:place]
                break
        longest = max((len(word) for word in self._generation.stop_words), default=0)
        self._tail = (self._tail + ids)[-longest:] if longest else []
        return ids

    def _finish(self) -> FinishReason:
        if self._ended or self._count < self._generation.max_tokens:
            return "stop"
        stopped = any(tuple(self._tail[-len(word) :]) == word for word in self._generation.stop_words)
        return "stop" if stopped else "length"
