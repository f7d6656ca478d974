"""``POST /completions``: text without a chat template."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from ..openai.bodies import TextCompletion
from ..openai.text_request import parse_text
from ..services import Services
from .inference import answer, answers, request_body


def completions_router(services: Services) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/completions",
        summary="Create a text completion",
        response_model=None,
        responses=answers(TextCompletion, "text_completion"),
        openapi_extra=request_body("TextRequest"),
    )
    async def create(http: Request) -> Response:
        return await answer(http, services, parse_text)

    return router
