"""``POST /chat/completions``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from ..openai.bodies import ChatCompletion
from ..openai.request import parse
from ..services import Services
from .inference import answer, answers, request_body


def chat_router(services: Services) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/chat/completions",
        summary="Create a chat completion",
        response_model=None,
        responses=answers(ChatCompletion, "chat.completion.chunk"),
        openapi_extra=request_body("ChatRequest"),
    )
    async def create(http: Request) -> Response:
        return await answer(http, services, parse)

    return router
