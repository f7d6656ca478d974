from __future__ import annotations

import itertools
import math
import struct
from array import array
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2 as pb

from proxy.engines.tensors import TokenReader, encode
from proxy.generation import FinishReason, Generation, Guide, Sampling

GREEDY = Sampling(0.0, 1.0, 0, 1.0, 0.0, 0.0)
GENERATION = Generation(
    request_id="r1",
    model="m",
    prompt=[5, 6, 7],
    max_tokens=4,
    end_ids=(2,),
    pad_id=2,
    vocab_size=50,
    stop_words=(),
    sampling=GREEDY,
    seed=11,
    log_probs=False,
)
_ITEMS = {"INT32": "i", "FP32": "f", "BOOL": "?", "UINT64": "Q"}


def tensors(request: pb.ModelInferRequest) -> dict[str, tuple[str, list[int], list[object]]]:
    """Type, shape and values of each input."""
    found = {}
    for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True):
        values: list[object]
        if tensor.datatype == "BYTES":
            length = struct.unpack("<I", raw[:4])[0]
            assert len(raw) == 4 + length
            values = [raw[4:].decode()]
        else:
            item = _ITEMS[tensor.datatype]
            values = list(struct.unpack(f"<{len(raw) // struct.calcsize('<' + item)}{item}", raw))
        found[tensor.name] = (tensor.datatype, list(tensor.shape), values)
    return found


def test_a_plain_request_carries_what_the_backend_must_be_told_and_nothing_else() -> None:
    request = encode(GENERATION)
    assert (request.model_name, request.id) == ("m", "r1")
    assert request.parameters["triton_enable_empty_final_response"].bool_param
    assert [output.name for output in request.outputs] == [
        "output_ids",
        "sequence_length",
        "kv_cache_reused_blocks",
    ]
    assert tensors(request) == {
        "input_ids": ("INT32", [1, 3], [5, 6, 7]),
        "input_lengths": ("INT32", [1, 1], [3]),
        "request_output_len": ("INT32", [1, 1], [4]),
        "end_id": ("INT32", [1, 1], [2]),
        "pad_id": ("INT32", [1, 1], [2]),
        "streaming": ("BOOL", [1, 1], [True]),
        "temperature": ("FP32", [1, 1], [1.0]),
        "runtime_top_p": ("FP32", [1, 1], [1.0]),
        "runtime_top_k": ("INT32", [1, 1], [1]),
        "seed": ("UINT64", [1, 1], [11]),
        "return_perf_metrics": ("BOOL", [1, 1], [True]),
    }


def test_sampling_is_sent_as_it_is_and_penalties_only_when_they_do_something() -> None:
    sampling = Sampling(0.5, 0.25, 40, 1.5, -2.0, 2.0)
    found = tensors(encode(replace(GENERATION, sampling=sampling, seed=2**64 - 1)))
    assert found["temperature"][2] == [0.5]
    assert found["runtime_top_p"][2] == [0.25]
    assert found["runtime_top_k"][2] == [40]
    assert found["seed"][2] == [2**64 - 1]
    assert found["repetition_penalty"] == ("FP32", [1, 1], [1.5])
    assert found["presence_penalty"] == ("FP32", [1, 1], [-2.0])
    assert found["frequency_penalty"] == ("FP32", [1, 1], [2.0])


def test_log_probs_and_a_guide_are_asked_for_by_name() -> None:
    guided = replace(GENERATION, log_probs=True, guide=Guide("ebnf_grammar", 'root ::= "é"'))
    request = encode(guided)
    found = tensors(request)
    assert found["return_log_probs"] == ("BOOL", [1, 1], [True])
    assert "output_log_probs" in [output.name for output in request.outputs]
    assert found["guided_decoding_guide_type"] == ("BYTES", [1, 1], ["ebnf_grammar"])
    assert found["guided_decoding_guide"] == ("BYTES", [1, 1], ['root ::= "é"'])


def test_top_log_probs_are_read_from_the_logits_alone() -> None:
    request = encode(replace(GENERATION, log_probs=True, top_log_probs=2))
    assert tensors(request)["return_generation_logits"] == ("BOOL", [1, 1], [True])
    assert "return_log_probs" not in tensors(request)
    assert "generation_logits" in [output.name for output in request.outputs]


def test_a_bias_is_dense_and_as_long_as_the_vocabulary() -> None:
    bias = tensors(encode(replace(GENERATION, logit_bias={3: -100.0, 49: 1.5})))["embedding_bias"]
    assert bias == ("FP32", [1, 50], [0.0] * 3 + [-100.0] + [0.0] * 45 + [1.5])


def test_stop_words_are_ids_in_a_row_over_their_ends() -> None:
    found = tensors(encode(replace(GENERATION, end_ids=(2, 0), stop_words=((5, 6), (9,), (1, 2, 3)))))
    ids, ends = [0, 5, 6, 9, 1, 2, 3], [1, 3, 4, 7, -1, -1, -1]
    assert found["stop_words_list"] == ("INT32", [1, 2, 7], ids + ends)


words = st.lists(st.integers(0, 99), min_size=1, max_size=4).map(tuple)


@given(st.lists(words, max_size=4).map(tuple), st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True))
def test_stop_words_can_be_read_back(stop_words: tuple[tuple[int, ...], ...], end_ids: list[int]) -> None:
    found = tensors(encode(replace(GENERATION, end_ids=tuple(end_ids), stop_words=stop_words)))
    expected = [*((end,) for end in end_ids[1:]), *stop_words]
    if not expected:
        assert "stop_words_list" not in found
        return
    _, shape, values = found["stop_words_list"]
    ids, ends = values[: shape[2]], values[shape[2] :]
    assert len(ids) == len(ends) == shape[2]
    offsets = [0, *(int(str(end)) for end in ends if end != -1)]
    assert [tuple(ids[a:b]) for a, b in itertools.pairwise(offsets)] == expected


def response(
    ids: Sequence[int] | None, log_probs: Sequence[float] = (), *, final: bool = False, length: int | None = None
) -> pb.ModelInferResponse:
    answer = pb.ModelInferResponse()
    answer.parameters["triton_final_response"].bool_param = final
    if ids is not None:
        _put(answer, "output_ids", "INT32", array("i", ids))
        _put(answer, "sequence_length", "INT32", array("i", [len(ids) if length is None else length]))
    if log_probs:
        _put(answer, "output_log_probs", "FP32", array("f", log_probs))
    return answer


def _put(answer: pb.ModelInferResponse, name: str, kind: str, values: array[int] | array[float]) -> None:
    answer.outputs.add(name=name, datatype=kind, shape=[1, 1, len(values)])
    answer.raw_output_contents.append(values.tobytes())


def test_log_probs_of_the_whole_answer_so_far_are_cut_to_the_new_ids() -> None:
    reader = TokenReader(replace(GENERATION, log_probs=True, max_tokens=9))
    first = reader.read(response([5], [-1.0]))
    second = reader.read(response([], [-1.0]))
    third = reader.read(response([6, 7], [-1.0, -2.0, -3.0]))
    assert [list(tokens.log_probs) for tokens in (first, second, third)] == [[-1.0], [], [-2.0, -3.0]]
    assert [list(tokens.ids) for tokens in (first, second, third)] == [[5], [], [6, 7]]


def test_too_few_log_probs_are_an_error() -> None:
    reader = TokenReader(replace(GENERATION, log_probs=True))
    with pytest.raises(ValueError, match="2 ids came with 1 log-probs"):
        reader.read(response([5, 6], [-1.0]))


def with_logits(ids: Sequence[int], rows: Sequence[Sequence[float]]) -> pb.ModelInferResponse:
    answer = response(ids)
    width = len(rows[0])
    answer.outputs.add(name="generation_logits", datatype="FP32", shape=[1, len(rows), 1, width])
    answer.raw_output_contents.append(array("f", [value for row in rows for value in row]).tobytes())
    return answer


def test_logits_become_the_log_probs_of_the_id_and_of_the_most_likely_ones() -> None:
    reader = TokenReader(replace(GENERATION, vocab_size=3, log_probs=True, top_log_probs=2, end_ids=(2,)))
    padded = [[math.log(0.25), math.log(0.5), math.log(0.25), 99.0]]
    tokens = reader.read(with_logits([0], padded))
    assert list(tokens.log_probs) == pytest.approx([math.log(0.25)])
    ((best, second),) = tokens.top_log_probs
    assert (best[0], round(best[1], 5)) == (1, round(math.log(0.5), 5))
    assert second[1] == tokens.log_probs[0]


def test_the_logits_of_an_end_id_that_is_cut_off_do_not_count() -> None:
    reader = TokenReader(replace(GENERATION, vocab_size=3, log_probs=True, top_log_probs=1))
    tokens = reader.read(with_logits([1, 2], [[0.0, 9.0, 0.0], [9.0, 0.0, 0.0]]))
    assert [token for ((token, _),) in tokens.top_log_probs] == [1]
    assert len(tokens.log_probs) == 1
    assert reader.read(with_logits([], [[0.0, 0.0, 0.0]])).top_log_probs == ()


def test_ids_without_their_logits_are_an_error() -> None:
    reader = TokenReader(replace(GENERATION, vocab_size=3, log_probs=True, top_log_probs=1))
    with pytest.raises(ValueError, match="zip"):
        reader.read(with_logits([1, 0], [[0.0, 9.0, 0.0]]))
    with pytest.raises(ValueError, match="rows of 0 logits"):
        reader.read(response([1]))


def test_only_so_many_ids_count_as_the_sequence_length_says() -> None:
    assert list(TokenReader(GENERATION).read(response([5, 6, 2], length=2)).ids) == [5, 6]


def test_reused_blocks_are_read() -> None:
    answer = response([5])
    _put(answer, "kv_cache_reused_blocks", "INT32", array("i", [3]))
    assert TokenReader(GENERATION).read(answer).cached_blocks == 3


# Responses (None: one without tensors), and what the end must be. The room is 4 ids, the end ids 2 and 0.
ENDS: list[tuple[str, list[list[int] | None], FinishReason]] = [
    ("the room is used up", [[5, 6], [7, 8]], "length"),
    ("the room is used up, then an empty response", [[5, 6], [7, 8], None], "length"),
    ("an end before the room is used up", [[5, 6], [7]], "stop"),
    ("nothing at all", [[]], "stop"),
    ("an end id with room left", [[5, 2]], "stop"),
    ("an end id as the last that there was room for", [[5, 6], [7, 0]], "stop"),
    ("ids after an end id", [[2, 5], [6, 7], [8]], "stop"),
    ("a stop word as the last that there was room for", [[5, 6], [30], [31]], "stop"),
    ("a stop word that began before", [[5, 30], [6, 31]], "length"),
]


@pytest.mark.parametrize(("responses", "finish"), [end[1:] for end in ENDS], ids=[end[0] for end in ENDS])
def test_the_finish_is_told_by_how_it_ended(responses: list[list[int] | None], finish: FinishReason) -> None:
    reader = TokenReader(replace(GENERATION, end_ids=(2, 0), stop_words=((30, 31),)))
    *others, last = [
        reader.read(response(ids, final=number == len(responses))) for number, ids in enumerate(responses, 1)
    ]
    assert last.finish == finish
    assert all(tokens.finish is None for tokens in others)


def test_an_end_id_and_what_follows_it_never_come_out() -> None:
    reader = TokenReader(replace(GENERATION, end_ids=(2, 0)))
    out = [list(reader.read(response(ids)).ids) for ids in ([5, 0, 6], [7])]
    assert out == [[5], []]
