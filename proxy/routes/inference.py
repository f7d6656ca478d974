"""What the two inference routes have in common: an HTTP request in, an answer or a refusal out."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Protocol

from fastapi import Request
from starlette.responses import Response

from ..errors import ForiiError
from ..metrics import RequestMetrics
from ..middleware import client_of
from ..openai.bodies import ErrorBody
from ..openai.request import ChatRequest
from ..openai.sse import UsageMode
from ..openai.text_request import TextRequest
from ..pipeline import prepare
from ..prompt.pool import run
from ..responses import error_response
from ..services import Services
from .answering import AnswerResponse
from .body import read_body
from .headers import AnswerHeaders


class Parse(Protocol):
    """A body in, the request and the names of the fields that change nothing out."""

    def __call__(self, body: bytes, *, max_n: int) -> tuple[ChatRequest | TextRequest, tuple[str, ...]]: ...


async def answer(http: Request, services: Services, parse: Parse) -> Response:
    """The answer, ready to run, or what is wrong with the request."""
    metrics = RequestMetrics(services.metrics)
    headers = AnswerHeaders(metrics.started)
    # The model is in use until the answer is over, or at once if there is none.
    with ExitStack() as used:
        try:
            body = await read_body(http, services.settings.max_body_bytes)
            parsing = partial(parse, body, max_n=services.settings.max_n)
            request, ignored = await run(services.pool, len(body), parsing)
            headers.mark_parsed(ignored)
            model = used.enter_context(services.catalog.use(request.model))
            metrics.model = model.id
            headers.mark_found(model.id)
            turn = services.admission.turn(model.id, client_of(http.scope), request.n)
            schema = request.answer_schema
            constraint = await services.schemas.constraint(schema, len(body)) if schema else None
            ready = await prepare(request, model, services.engine, metrics, len(body), constraint)
        except ForiiError as error:
            metrics.refuse(error.status)
            return error_response(error, headers.now())
        headers.mark_prepared(ready.prompt_tokens, ready.truncated_tokens)
        usage_mode = _usage_mode(request)
        return AnswerResponse(ready, headers, metrics, services.settings, usage_mode, turn, used.pop_all())


def _usage_mode(request: ChatRequest | TextRequest) -> UsageMode | None:
    """Source: API contract, section 4."""
    if not request.stream:
        return None
    if request.stream_options is None or request.stream_options.include_usage is None:
        return "inline"
    return "separate" if request.stream_options.include_usage else "none"


def request_body(schema: str) -> dict[str, object]:
    """The description of a body. schema: its name among the components."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"requestBody": {"required": True, "content": content}}


def answers(body: type, chunk: str) -> dict[int | str, dict[str, object]]:
    """The descriptions of a route's answers. body: of the whole one. chunk: a stream's ``object``."""
    example = f'data: {{"object":"{chunk}",...}}\n\ndata: [DONE]\n\n'
    stream = {"text/event-stream": {"schema": {"type": "string"}, "example": example}}
    refusals = (
        (400, "The request is wrong; `error.param` names the field."),
        (401, "The API key is missing or wrong."),
        (404, "The model is not served."),
        (413, "The body is too large."),
        (415, "The body is not JSON."),
        (429, "Too many requests wait; try again after `Retry-After` seconds."),
        (502, "The engine failed, or no answer conformed to the schema; send the request again."),
        (503, "The engine cannot be reached, or the server stops; try again after `Retry-After` seconds."),
        (504, "The request took too long."),
    )
    return {
        200: {"model": body, "description": "The completion; with `stream`, its chunks.", "content": stream},
        **{status: {"model": ErrorBody, "description": text} for status, text in refusals},
    }
