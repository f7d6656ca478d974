"""``/health/live``: the process answers. ``/health/ready``: every served model's engine does. ``/metrics``."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from ..errors import ModelUnavailable
from ..openai.bodies import ErrorBody
from ..responses import json_response
from ..services import Services


def health_router(services: Services) -> APIRouter:
    router = APIRouter()

    @router.get("/health/live", summary="Whether the process answers")
    async def live() -> Response:
        return json_response({"status": "live"})

    @router.get(
        "/health/ready",
        summary="Whether every served model's engine answers",
        responses={503: {"model": ErrorBody, "description": "Some model cannot be reached."}},
    )
    async def ready() -> Response:
        models = services.catalog.models
        answers = await asyncio.gather(*(services.engine.ready(model.manifest.triton_model) for model in models))
        away = [model.id for model, ready in zip(models, answers, strict=True) if not ready]
        if away:
            raise ModelUnavailable(f"Not ready: {', '.join(away)}.")
        return json_response({"status": "ready"})

    @router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(services.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
