"""What the wire requests of chat and text completions have in common: JSON bytes in, fields with the ranges of the
API contract's section 2 out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError, field_validator

from ..errors import InvalidJson, InvalidRequest, RequestTooLarge, UnsupportedParameter
from ..generation import Sampling
from .invalid import invalid_request
from .json_text import MOST_OBJECTS, BadJson, TooManyObjects, read_json

MAX_STOP_LENGTH = 1024

StopString = Annotated[str, StringConstraints(min_length=1, max_length=MAX_STOP_LENGTH)]
MetadataKey = Annotated[str, StringConstraints(max_length=64)]
MetadataValue = Annotated[str, StringConstraints(max_length=512)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Part(BaseModel):
    """An object inside of a request."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class StreamOptions(Part):
    include_usage: bool | None = None


class WireRequest(BaseModel):
    """The fields that mean the same in both requests."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    model: str
    temperature: Annotated[Number, Field(ge=0, le=2)] = 0.7
    top_p: Annotated[Number, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: Annotated[list[StopString], Field(min_length=1, max_length=4)] | None = None
    n: Annotated[int, Field(ge=1)] = 1
    frequency_penalty: Annotated[Number, Field(ge=-2, le=2)] = 0.0
    presence_penalty: Annotated[Number, Field(ge=-2, le=2)] = 0.0
    repetition_penalty: Annotated[Number, Field(gt=0, le=2)] = 1.0
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Field(max_length=16)] | None = None
    context_length_exceeded_behavior: Literal["truncate", "error"] = "truncate"

    @field_validator("stop", mode="before")
    @classmethod
    def _one_stop(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @property
    def truncates(self) -> bool:
        """Whether a prompt that is too long is cut, or else refused."""
        return self.context_length_exceeded_behavior == "truncate"

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


Request = TypeVar("Request", bound=WireRequest)


def read_object(body: bytes, example: str) -> dict[str, JsonValue]:
    """The fields in a body that are not null: OpenAI treats an explicit null like a field that was left out.

    example: what the body should look like. Raises InvalidJson for a body that is no JSON object (NaN, invalid
    UTF-8 and bottomless nesting included), RequestTooLarge for one of too many objects.
    """
    try:
        data = read_json(body)
    except BadJson as error:
        raise InvalidJson(f"The request body is not valid JSON: {error}. Send one JSON object.") from error
    except TooManyObjects as error:
        raise RequestTooLarge(
            f"The request has more than {MOST_OBJECTS} JSON objects; send fewer messages or parts."
        ) from error
    if not isinstance(data, dict):
        raise InvalidJson(f"The request body must be one JSON object: {example}.")
    return {name: value for name, value in data.items() if value is not None}


def refuse(names: Collection[str], given: Mapping[str, object]) -> None:
    """Raises UnsupportedParameter for the first of names that is given."""
    for name in names:
        if name in given:
            raise UnsupportedParameter(f"{name!r} is not supported by this server; leave it out.", name)


def validate(kind: type[Request], given: Mapping[str, object], max_n: int) -> Request:
    """The request of this kind. Raises MissingParameter and InvalidRequest."""
    try:
        request = kind.model_validate(given)
    except ValidationError as error:
        raise invalid_request(error, given) from error
    if request.n > max_n:
        raise InvalidRequest(f"'n' must be at most {max_n} on this server; got {request.n}.", "n")
    return request


def ignored(request: WireRequest, given: Mapping[str, object], known: Collection[str]) -> tuple[str, ...]:
    """The names of the given fields that change nothing."""
    names = [name for name in given if name not in known]
    if request.stream_options is not None and not request.stream:
        names.append("stream_options")
    return tuple(names)
