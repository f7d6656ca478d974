"""The wire request of ``POST /chat/completions``: JSON bytes in, a ChatRequest that keeps every rule of the
API contract's section 2 out. Nothing past this file knows OpenAI's words for what is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated

from pydantic import FailFast, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from ..errors import InvalidRequest, UnsupportedParameter
from ..tools import ToolUse
from .messages import Message
from .response_format import AnswerSchema, ResponseFormat, answer_schema
from .tool_choice import FunctionCallChoice, ToolChoice, function_use, tool_use
from .tools import Functions, Tools, refuse_custom, tools_of
from .wire import Number, WireRequest, ignored, read_object, refuse, validate

# Fields that ask for something no text model here can deliver, whatever their value.
UNDELIVERABLE = ("audio", "web_search_options")
# Fields that mean nothing without another.
_NEED = {"tool_choice": "tools", "parallel_tool_calls": "tools", "function_call": "functions"}

_TOKEN_ID = re.compile("0|-?[1-9][0-9]{0,9}")

Bias = Annotated[Number, Field(ge=-100, le=100)]


class ChatRequest(WireRequest):
    """A chat completion request. Fields the API does not know are ignored and named in the response header
    `x-forii-ignored-params`."""

    messages: Annotated[list[Message], Field(min_length=1), FailFast()]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=5)] = 0
    logit_bias: dict[str, Bias] | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: (
        Annotated[str, StringConstraints(pattern="^(none|minimal|low|medium|high|xhigh|max)$")] | None
    ) = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: Functions | None = None
    function_call: FunctionCallChoice | None = None

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
    def log_probs(self) -> bool:
        return self.logprobs

    @property
    def top_log_probs(self) -> int:
        return self.top_logprobs

    @property
    def bias(self) -> dict[int, float]:
        return {int(token): value for token, value in (self.logit_bias or {}).items()}

    @property
    def answer_schema(self) -> AnswerSchema | None:
        """What the answer has to conform to, if anything."""
        return answer_schema(self.response_format)

    @property
    def effort(self) -> str | None:
        """How much the model is to think; None leaves it to the model. Source: API contract, section 2."""
        return "high" if self.reasoning_effort in ("xhigh", "max") else self.reasoning_effort

    @cached_property
    def tool_use(self) -> ToolUse | None:
        """The functions that the model may call, if any are given. Raises InvalidRequest for two of one name and
        for a choice of none of them."""
        tools = tools_of(self.tools, self.functions)
        if not tools:
            return None
        if self.functions:
            return function_use(tools, self.function_call)
        return tool_use(tools, self.tool_choice, parallel=self.parallel_tool_calls is not False)


# Read by section 2 but with no field of its own, since only one value can be served.
_KNOWN = frozenset((*ChatRequest.model_fields, "modalities"))


def parse(body: bytes, *, max_n: int) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request in a body, and the names of its top-level fields that change nothing.

    max_n: the largest ``n`` of this deployment. Raises InvalidJson for a body that is no JSON object (NaN,
    invalid UTF-8 and bottomless nesting included), else what the contract's sections 2 and 10 say.
    """
    given = read_object(body, '{"model": ..., "messages": [...]}')
    _refuse_unsupported(given)
    request = validate(ChatRequest, given, max_n)
    _check_together(request)
    return request, ignored(request, given, _KNOWN)


def _refuse_unsupported(given: Mapping[str, object]) -> None:
    refuse(UNDELIVERABLE, given)
    refuse_custom(given)
    for name, needed in _NEED.items():
        if name in given and needed not in given:
            raise InvalidRequest(f"{name!r} needs {needed!r}; leave it out or send both.", name)
    if "tools" in given and "functions" in given:
        raise InvalidRequest("'functions' are 'tools' under an older name; send one of them.", "functions")
    if given.get("modalities", ["text"]) != ["text"]:
        raise UnsupportedParameter("Only the modality 'text' is supported; send ['text'].", "modalities")


def _check_together(request: ChatRequest) -> None:
    """The rules that one field alone cannot say."""
    limits = (request.max_tokens, request.max_completion_tokens)
    if None not in limits and limits[0] != limits[1]:
        raise InvalidRequest(
            "'max_tokens' and 'max_completion_tokens' are the same limit; send one of them.",
            "max_completion_tokens",
        )
    if request.top_logprobs and not request.logprobs:
        raise InvalidRequest("'top_logprobs' needs 'logprobs': true.", "top_logprobs")
    _ = request.tool_use  # raises what is wrong with it
