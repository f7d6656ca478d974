"""The wire request of ``POST /chat/completions``: JSON bytes in, a ChatRequest that keeps every rule of the
API contract's section 2 out. Nothing past this file knows OpenAI's words for what is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    field_validator,
)
from pydantic_core import PydanticCustomError

from ..errors import InvalidJson, InvalidRequest, UnsupportedParameter
from ..generation import Sampling
from .invalid import invalid_request
from .messages import Message

# Fields that ask for something no text model here can deliver, whatever their value.
UNDELIVERABLE = ("audio", "web_search_options")
# Fields of the contract that this version does not serve; other values of theirs would change the answer.
NOT_YET = ("tools", "functions", "function_call")

MAX_STOP_LENGTH = 1024
_TOKEN_ID = re.compile("0|-?[1-9][0-9]{0,9}")

StopString = Annotated[str, StringConstraints(min_length=1, max_length=MAX_STOP_LENGTH)]
MetadataKey = Annotated[str, StringConstraints(max_length=64)]
MetadataValue = Annotated[str, StringConstraints(max_length=512)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Bias = Annotated[Number, Field(ge=-100, le=100)]


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    include_usage: bool | None = None


class ResponseFormat(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    type: str


class ChatRequest(BaseModel):
    """A chat completion request. Fields the API does not know are ignored and named in the response header
    `x-forii-ignored-params`."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    temperature: Annotated[Number, Field(ge=0, le=2)] = 0.7
    top_p: Annotated[Number, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: Annotated[list[StopString], Field(min_length=1, max_length=4)] | None = None
    n: Annotated[int, Field(ge=1)] = 1
    frequency_penalty: Annotated[Number, Field(ge=-2, le=2)] = 0.0
    presence_penalty: Annotated[Number, Field(ge=-2, le=2)] = 0.0
    repetition_penalty: Annotated[Number, Field(gt=0, le=2)] = 1.0
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=5)] = 0
    logit_bias: dict[str, Bias] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Field(max_length=16)] | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: (
        Annotated[str, StringConstraints(pattern="^(none|minimal|low|medium|high|xhigh|max)$")] | None
    ) = None

    @field_validator("stop", mode="before")
    @classmethod
    def _one_stop(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("logit_bias", mode="before")
    @classmethod
    def _token_ids(cls, value: object) -> object:
        if isinstance(value, dict) and not all(_TOKEN_ID.fullmatch(key) for key in value):
            raise PydanticCustomError("token_ids", 'Its keys should be token ids, such as "50"')
        return value

    @property
    def answer_room(self) -> int:
        """The most tokens an answer may have, before the context has its say."""
        return self.max_completion_tokens or self.max_tokens or 2048

    @property
    def sampling(self) -> Sampling:
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            repetition_penalty=self.repetition_penalty,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
        )


# Read by section 2 but with no field of their own, since only one value of each can be served.
_KNOWN = frozenset((*ChatRequest.model_fields, *NOT_YET, "tool_choice", "modalities"))


def parse(body: bytes, *, max_n: int) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request in a body, and the names of its top-level fields that change nothing.

    max_n: the largest ``n`` of this deployment. Raises InvalidJson for a body that is no JSON object (NaN,
    invalid UTF-8 and bottomless nesting included), else what the contract's sections 2 and 10 say.
    """
    try:
        data: JsonValue = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidJson(f"The request body is not valid JSON: {error}. Send one JSON object.") from error
    if not isinstance(data, dict):
        raise InvalidJson('The request body must be one JSON object: {"model": ..., "messages": [...]}.')
    # OpenAI treats an explicit null like a field that was left out.
    given = {name: value for name, value in data.items() if value is not None}
    _refuse_unsupported(given)
    try:
        request = ChatRequest.model_validate(given)
    except ValidationError as error:
        raise invalid_request(error, given) from error
    _check_together(request, max_n)
    ignored = [name for name in given if name not in _KNOWN]
    if request.stream_options is not None and not request.stream:
        ignored.append("stream_options")
    return request, tuple(ignored)


def _refuse_unsupported(given: Mapping[str, object]) -> None:
    for name in (*UNDELIVERABLE, *NOT_YET):
        if name in given:
            raise UnsupportedParameter(f"{name!r} is not supported by this server; leave it out.", name)
    if "tool_choice" in given:
        raise InvalidRequest("'tool_choice' needs 'tools'; leave it out or send both.", "tool_choice")
    if given.get("modalities", ["text"]) != ["text"]:
        raise UnsupportedParameter("Only the modality 'text' is supported; send ['text'].", "modalities")


def _check_together(request: ChatRequest, max_n: int) -> None:
    """The rules that one field alone cannot say."""
    if request.n > max_n:
        raise InvalidRequest(f"'n' must be at most {max_n} on this server; got {request.n}.", "n")
    limits = (request.max_tokens, request.max_completion_tokens)
    if None not in limits and limits[0] != limits[1]:
        raise InvalidRequest(
            "'max_tokens' and 'max_completion_tokens' are the same limit; send one of them.",
            "max_completion_tokens",
        )
    if request.top_logprobs and not request.logprobs:
        raise InvalidRequest("'top_logprobs' needs 'logprobs': true.", "top_logprobs")
    if request.response_format is not None and request.response_format.type != "text":
        if request.response_format.type in ("json_object", "json_schema"):
            raise UnsupportedParameter(
                'Only the response format {"type": "text"} is supported by this server.', "response_format"
            )
        raise InvalidRequest(
            "'response_format.type' must be 'text', 'json_object' or 'json_schema'.", "response_format.type"
        )
