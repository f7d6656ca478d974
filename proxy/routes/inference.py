"""``POST /chat/completions`` and ``POST /completions``: an HTTP request in, an answer or a refusal out."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from ..authentication import caller_of
from ..errors import ForiiError
from ..metrics import RequestMetrics
from ..openai.bodies import ChatCompletion, ErrorBody, TextCompletion
from ..openai.request import ChatRequest, parse
from ..openai.text_request import TextRequest, parse_text
from ..responses import error_response
from ..services import Services
from .answering import AnswerResponse
from .body import read_body
from .headers import AnswerHeaders
from .intake import Intake, Parse


def inference_router(services: Services) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/chat/completions",
        summary="Create a chat completion",
        response_model=None,
        responses=_answers(ChatCompletion, "chat.completion.chunk"),
        openapi_extra=_request_body(ChatRequest),
    )
    async def chat(http: Request) -> Response:
        return await _answer(http, services, parse)

    @router.post(
        "/completions",
        summary="Create a text completion",
        response_model=None,
        responses=_answers(TextCompletion, "text_completion"),
        openapi_extra=_request_body(TextRequest),
    )
    async def text(http: Request) -> Response:
        return await _answer(http, services, parse_text)

    return router


async def _answer(http: Request, services: Services, parse: Parse) -> Response:
    """The answer, yet to be prepared, or why its request was not read."""
    metrics, caller = RequestMetrics(services.metrics), caller_of(http.scope)
    headers = AnswerHeaders(metrics.started)
    try:
        standing, refusal = await services.limiter.arrive(caller)
        headers.mark_standing(standing)
        if refusal is not None:
            raise refusal
        await services.quotas.check(caller)
        body = await read_body(http, services.settings.max_body_bytes)
    except ForiiError as error:
        metrics.refuse(error.status)
        return error_response(error, headers.now())
    return AnswerResponse(Intake(services, parse, body, caller), metrics, headers, services)


def _request_body(kind: type) -> dict[str, object]:
    """The description of a body. kind: its name among the components."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}
    return {"requestBody": {"required": True, "content": content}}


def _answers(body: type, chunk: str) -> dict[int | str, dict[str, object]]:
    """The descriptions of a route's answers. body: of the whole one. chunk: a stream's ``object``."""
    example = f'data: {{"object":"{chunk}",...}}\n\ndata: [DONE]\n\n'
    stream = {"text/event-stream": {"schema": {"type": "string"}, "example": example}}
    refusals = (
        (400, "The request is wrong; `error.param` names the field."),
        (401, "The API key is missing or wrong."),
        (402, "The account has spent the credits of its plan."),
        (404, "The model is not served."),
        (413, "The body is too large."),
        (415, "The body is not JSON."),
        (429, "Too many requests wait, or a limit of the plan is used up; try again after `Retry-After` seconds."),
        (502, "The engine failed, or no answer conformed to the schema; send the request again."),
        (503, "The engine cannot be reached, or the server stops; try again after `Retry-After` seconds."),
        (504, "The request took too long."),
    )
    return {
        200: {"model": body, "description": "The completion; with `stream`, its chunks.", "content": stream},
        **{status: {"model": ErrorBody, "description": text} for status, text in refusals},
    }
