from __future__ import annotations

import grpc
import pytest

from proxy.engines.faults import MESSAGES, STATUSES, from_message, from_status
from proxy.errors import (
    ContextLengthExceeded,
    EngineFailed,
    ForiiError,
    GuideRefused,
    ModelUnavailable,
    UnsupportedParameter,
)

# What engines and Triton really say.
SAID: list[tuple[str, type[ForiiError]]] = [
    (
        "prompt_too_long: the prompt has 9000 tokens and the context of 8192 has to hold an answer too",
        ContextLengthExceeded,
    ),
    ("unsupported: embedding_bias is not available on this engine", UnsupportedParameter),
    ("invalid_guide: the grammar does not compile", GuideRefused),
    ("engine_failed: the engine is lost and starts anew", EngineFailed),
    ("Request for unknown model: 'x' is not found", ModelUnavailable),
    ("Request for unknown model: 'x' version 1 is not at ready state", ModelUnavailable),
    ("[request id: r1] Exceeds maximum queue size; Maximum queue size is 64", ModelUnavailable),
    ("Prompt length (9000) exceeds maximum input length (8192).", ContextLengthExceeded),
    ("Stub process 'm_0_0' is not healthy.", EngineFailed),
    ("", EngineFailed),
]


@pytest.mark.parametrize(("text", "error"), SAID)
def test_what_an_engine_says_is_the_clients_error(text: str, error: type[ForiiError]) -> None:
    assert type(from_message(text)) is error


@pytest.mark.parametrize(("part", "error", "message"), MESSAGES)
def test_each_line_of_the_table_is_reached(part: str, error: type[ForiiError], message: str) -> None:
    found = from_message(f"[request id: 1] {part} secret/path.py")
    assert type(found) is error
    assert found.message == message


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_each_status_is_an_error_of_ours_before_the_answer_and_a_lost_answer_after(code: grpc.StatusCode) -> None:
    early = from_status(code, "details from the inside", started=False)
    late = from_status(code, "details from the inside", started=True)
    assert type(early) is (STATUSES[code][0] if code in STATUSES else EngineFailed)
    assert type(late) is EngineFailed
    assert "inside" not in early.message + late.message


def test_a_refused_request_is_told_by_its_text_whatever_its_status() -> None:
    error = from_status(grpc.StatusCode.INVALID_ARGUMENT, "prompt_too_long: by far", started=False)
    assert type(error) is ContextLengthExceeded
