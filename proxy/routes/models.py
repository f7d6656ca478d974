"""``GET /models`` and ``GET /models/{id}``; an id may contain slashes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ..models import ServedModel
from ..openai.bodies import ErrorBody, ModelBody, ModelList
from ..responses import json_response
from ..services import Services


def models_router(services: Services) -> APIRouter:
    router = APIRouter()

    @router.get("/models", summary="List the served models", response_model=ModelList)
    async def list_models() -> Response:
        return json_response({"object": "list", "data": [_body(model) for model in services.catalog.models]})

    @router.get(
        "/models/{model_id:path}",
        summary="Describe a served model",
        response_model=ModelBody,
        responses={
            404: {"model": ErrorBody, "description": "The model is not served."},
            # Without it FastAPI promises a 422 of its own, which never comes.
            "4XX": {"model": ErrorBody, "description": "The request is refused."},
        },
    )
    async def show_model(model_id: str) -> Response:
        model = services.catalog.find(model_id)
        return json_response(_body(model), headers={"x-forii-model": model.id})

    return router


def _body(model: ServedModel) -> ModelBody:
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": "forii",
        "context_length": model.manifest.context,
    }
