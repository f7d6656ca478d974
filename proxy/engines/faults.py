"""Triton's and gRPC's faults in, the API's errors out: the one boundary where foreign errors are translated.

An engine's own error texts start with a stable word (engine contract, behaviour 5); everything else is told
by what Triton and the TensorRT-LLM backend are known to say, and by the gRPC status.
"""

from __future__ import annotations

import grpc

from ..errors import (
    ContextLengthExceeded,
    EngineFailed,
    ForiiError,
    GuideRefused,
    ModelUnavailable,
    UnsupportedParameter,
)

_AWAY = "The model's engine cannot be reached right now; try again in a few seconds."
_STOPPED = "The model's engine stopped in the middle of the answer; send the request again."
_TOO_LONG = "The prompt is too long for this model; send fewer or shorter messages."
_CANNOT = "This model's engine cannot do what the request asks for; leave the parameter out."
_GUIDE = "The model's engine cannot enforce this response format; make the schema simpler."
_FAILED = "The model's engine could not serve the request; send it again."

# Part of the engine's text, in this order -> the client's error.
MESSAGES: tuple[tuple[str, type[ForiiError], str], ...] = (
    ("prompt_too_long:", ContextLengthExceeded, _TOO_LONG),
    ("unsupported:", UnsupportedParameter, _CANNOT),
    ("invalid_guide:", GuideRefused, _GUIDE),
    ("engine_failed:", EngineFailed, _STOPPED),
    ("invalid_request:", EngineFailed, _FAILED),
    ("is not healthy", EngineFailed, _STOPPED),
    ("Request for unknown model", ModelUnavailable, _AWAY),
    ("is not ready", ModelUnavailable, _AWAY),
    ("Maximum queue size", ModelUnavailable, _AWAY),
    ("exceeds maximum input length", ContextLengthExceeded, _TOO_LONG),
)

STATUSES: dict[grpc.StatusCode, tuple[type[ForiiError], str]] = {
    grpc.StatusCode.UNAVAILABLE: (ModelUnavailable, _AWAY),
    grpc.StatusCode.NOT_FOUND: (ModelUnavailable, _AWAY),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (ModelUnavailable, _AWAY),
}


# What a model that works says of one request alone: the contract's words, Triton's and the TensorRT-LLM backend's.
REFUSALS = (
    "prompt_too_long:",
    "unsupported:",
    "invalid_guide:",
    "invalid_request:",
    "Maximum queue size",
    "exceeds maximum input length",
    "error when fetching new request",
)


def is_refusal(text: str) -> bool:
    """Whether an error message is known to be about one request alone, and so comes from a model that works."""
    return "engine_failed:" not in text and any(part in text for part in REFUSALS)


def from_message(text: str) -> ForiiError:
    """The error of a stream message. text: its ``error_message``."""
    for part, kind, message in MESSAGES:
        if part in text:
            return kind(message)
    return EngineFailed(_FAILED)


def from_status(code: grpc.StatusCode, details: str, *, started: bool) -> ForiiError:
    """The error of a broken call. started: whether the answer had begun; then it is lost, whatever it was."""
    if started:
        return EngineFailed(_STOPPED)
    if code in STATUSES:
        kind, message = STATUSES[code]
        return kind(message)
    return from_message(details)
