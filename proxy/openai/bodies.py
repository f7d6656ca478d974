"""The shapes of the answers, for ``/openapi.json``: a test holds every real answer against them. The answers
themselves are written by ``completion.py`` and ``sse.py``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel
from typing_extensions import NotRequired, TypedDict


class TopLogProb(TypedDict):
    token: str
    bytes: list[int]
    logprob: float


class TokenLogProb(TopLogProb):
    top_logprobs: list[TopLogProb]


class LogProbs(TypedDict):
    content: list[TokenLogProb]
    refusal: None


class FunctionBody(TypedDict):
    name: str
    arguments: str


class ToolCallBody(TypedDict):
    id: str
    type: Literal["function"]
    function: FunctionBody


class AssistantAnswer(TypedDict):
    role: Literal["assistant"]
    content: str | None
    refusal: None
    reasoning_content: NotRequired[str]
    tool_calls: NotRequired[list[ToolCallBody]]
    function_call: NotRequired[FunctionBody]


class ChatChoice(TypedDict):
    index: int
    message: AssistantAnswer
    logprobs: LogProbs | None
    finish_reason: Literal["stop", "length", "tool_calls", "function_call"]


class PromptTokensDetails(TypedDict):
    cached_tokens: int


class CompletionTokensDetails(TypedDict):
    reasoning_tokens: int


class UsageBody(TypedDict):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails


class ChatCompletion(TypedDict):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: UsageBody


class TextLogProbs(TypedDict):
    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None
    text_offset: list[int]


class TextChoice(TypedDict):
    index: int
    text: str
    logprobs: TextLogProbs | None
    finish_reason: Literal["stop", "length"]


class TextCompletion(TypedDict):
    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[TextChoice]
    usage: UsageBody


class ModelBody(TypedDict):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    context_length: int


class ModelList(TypedDict):
    object: Literal["list"]
    data: list[ModelBody]


class ErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str


class ErrorBody(BaseModel):
    """A model: a route names it for each status, and FastAPI would read a TypedDict anew each time."""

    error: ErrorDetail
