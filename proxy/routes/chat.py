"""``POST /chat/completions``."""

from __future__ import annotations

from contextlib import ExitStack

from fastapi import APIRouter, Request
from starlette.responses import Response

from ..errors import ForiiError
from ..metrics import RequestMetrics
from ..openai.bodies import ChatCompletion, ErrorBody
from ..openai.request import ChatRequest, parse
from ..openai.sse import UsageMode
from ..pipeline import prepare
from ..responses import error_response
from ..services import Services
from .answering import AnswerResponse
from .body import read_body
from .headers import AnswerHeaders

_REQUEST_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ChatRequest"}}},
}
_STREAM = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'data: {"object":"chat.completion.chunk",...}\n\ndata: [DONE]\n\n',
    }
}
_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {
        "model": ChatCompletion,
        "description": "The completion; with `stream`, its chunks.",
        "content": _STREAM,
    },
    **{
        status: {"model": ErrorBody, "description": text}
        for status, text in (
            (400, "The request is wrong; `error.param` names the field."),
            (401, "The API key is missing or wrong."),
            (404, "The model is not served."),
            (413, "The body is too large."),
            (415, "The body is not JSON."),
            (502, "The engine failed; send the request again."),
            (503, "The engine cannot be reached; try again after `Retry-After` seconds."),
        )
    },
}


def chat_router(services: Services) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/chat/completions",
        summary="Create a chat completion",
        response_model=None,
        responses=_ANSWERS,
        openapi_extra={"requestBody": _REQUEST_BODY},
    )
    async def create(http: Request) -> Response:
        metrics = RequestMetrics(services.metrics)
        headers = AnswerHeaders(metrics.started)
        # The model is in use until the answer is over, or at once if there is none.
        with ExitStack() as used:
            try:
                body = await read_body(http, services.settings.max_body_bytes)
                request, ignored = parse(body, max_n=services.settings.max_n)
                headers.mark_parsed(ignored)
                model = used.enter_context(services.catalog.use(request.model))
                metrics.model = model.id
                headers.mark_found(model.id)
                answer = await prepare(request, model, services.engine, metrics)
            except ForiiError as error:
                metrics.refuse(error.status)
                return error_response(error, headers.now())
            headers.mark_prepared(answer.prompt_tokens)
            usage_mode = _usage_mode(request)
            return AnswerResponse(answer, headers, metrics, services.settings, usage_mode, used.pop_all())

    return router


def _usage_mode(request: ChatRequest) -> UsageMode | None:
    """Source: API contract, section 4."""
    if not request.stream:
        return None
    if request.stream_options is None or request.stream_options.include_usage is None:
        return "inline"
    return "separate" if request.stream_options.include_usage else "none"
