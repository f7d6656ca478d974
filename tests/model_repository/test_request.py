"""What the tensors of one request mean, and which are refused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from request import Guide, Limits, Refusal, Request, read_request

LIMITS = Limits(context=16, vocab_size=100, end_id=2)


def read(**changes: npt.ArrayLike | None) -> Request:
    """A request with a prompt of three ids and room for four, and `changes` to it (None leaves one out)."""
    values: dict[str, npt.ArrayLike | None] = {
        "input_ids": np.array([7, 8, 9], np.int32),
        "input_lengths": [3],
        "request_output_len": [4],
        "streaming": [True],
        **changes,
    }
    arrays = {name: np.asarray(value) for name, value in values.items() if value is not None}
    return read_request(arrays.get, LIMITS)


def test_defaults_are_those_of_the_tensorrt_llm_backend() -> None:
    request = read()
    assert request.ids.tolist() == [7, 8, 9]
    assert request.greedy
    assert (request.room, request.end_id, request.seed, request.stop_words) == (4, 2, 0, ())
    assert (request.top_k, request.top_p, request.temperature, request.guide) == (0, 1.0, 1.0, None)
    assert not request.log_probs
    assert not request.logits
    assert request.bias is None
    assert not request.perf_metrics


@pytest.mark.parametrize(
    ("changes", "greedy"),
    [({"runtime_top_p": [1.0]}, False), ({"runtime_top_k": [5]}, False), ({"runtime_top_k": [1]}, True),
     ({"temperature": [0.7]}, True), ({"runtime_top_p": [0.9], "temperature": [0.0]}, True),
     ({"runtime_top_p": [0.9], "temperature": [0.7]}, False)],
)  # fmt: skip
def test_sampling_needs_a_top_k_or_a_top_p(changes: dict[str, npt.ArrayLike], greedy: bool) -> None:
    assert read(**changes).greedy == greedy


def test_the_room_is_lowered_to_what_the_context_leaves() -> None:
    assert read(request_output_len=[100]).room == 13


def test_ids_past_the_length_are_padding() -> None:
    assert read(input_ids=np.array([7, 8, 999], np.int32), input_lengths=[2]).ids.tolist() == [7, 8]


def test_a_seed_has_64_bits() -> None:
    assert read(seed=np.array([2**64 - 1], np.uint64)).seed == 2**64 - 1


def test_a_bias_has_a_value_for_each_id() -> None:
    request = read(embedding_bias=np.arange(100, dtype=np.float32), return_generation_logits=[True])
    assert request.bias is not None
    assert request.bias.tolist() == list(range(100))
    assert request.logits


def test_a_guide_is_its_type_and_its_text() -> None:
    regex = read(guided_decoding_guide_type=[b"regex"], guided_decoding_guide=["[a-zß]".encode()])
    assert regex.guide == Guide("regex", "[a-zß]")
    assert read(guided_decoding_guide_type=[b"json"]).guide == Guide("json", "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"input_ids": np.arange(16), "input_lengths": [16]},
            "prompt_too_long: the prompt has 16 tokens .* of 16",
        ),
        ({"input_ids": np.array([], np.int32), "input_lengths": [0]}, "invalid_request: input_lengths is 0"),
        ({"input_lengths": [4]}, "invalid_request: input_lengths is 4 where input_ids holds 3"),
        ({"input_ids": np.array([1, 100, 2])}, "invalid_request: token id 100 is not in the vocabulary of 100"),
        ({"input_ids": np.array([1, -1, 2])}, "invalid_request: token id -1"),
        ({"request_output_len": [0]}, "invalid_request: request_output_len must be at least 1"),
        ({"temperature": [-0.1]}, "invalid_request: temperature"),
        ({"temperature": [float("nan")]}, "invalid_request: temperature"),
        ({"temperature": [float("inf")]}, "invalid_request: temperature"),
        ({"runtime_top_p": [1.1]}, "invalid_request: runtime_top_p"),
        ({"runtime_top_k": [-1]}, "invalid_request: runtime_top_k"),
        ({"repetition_penalty": [0.0]}, "invalid_request: repetition_penalty"),
        ({"presence_penalty": [2.5]}, "invalid_request: presence_penalty"),
        ({"frequency_penalty": [-2.5]}, "invalid_request: frequency_penalty"),
        ({"stop_words_list": np.array([[5, 6], [2, 1]])}, "invalid_request: stop_words_list: offset 1"),
        ({"embedding_bias": np.zeros(99)}, "invalid_request: embedding_bias has 99 values .* vocabulary has 100"),
        ({"embedding_bias": np.full(100, np.nan)}, "invalid_request: embedding_bias must be finite"),
        ({"streaming": [False]}, "unsupported: streaming"),
        ({"streaming": None}, "unsupported: streaming"),
        ({"guided_decoding_guide": [b"a"]}, "invalid_guide: .* needs guided_decoding_guide_type"),
        (
            {"guided_decoding_guide_type": [b"lark"]},
            "invalid_guide: guide type 'lark' is none of json, json_schema",
        ),
        ({"guided_decoding_guide_type": [b"regex"]}, "invalid_guide: guide type regex needs"),
        ({"guided_decoding_guide_type": [b"\xff"]}, "invalid_guide: guided_decoding_guide_type is not UTF-8"),
    ],
)
def test_a_wrong_request_is_refused_with_a_stable_token(changes: dict[str, npt.ArrayLike], message: str) -> None:
    with pytest.raises(Refusal, match=f"^{message}"):
        read(**changes)


def test_limits_come_from_the_parameters_of_the_model() -> None:
    parameters = {"context": "2048", "vocab_size": "49152", "end_ids": "2,0", "pad_id": "2"}
    assert Limits.of(parameters) == Limits(context=2048, vocab_size=49152, end_id=2)
