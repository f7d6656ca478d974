"""The proxy as an ASGI application: settings in, routes, middleware and error answers put together out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from .engines.base import Engine
from .engines.triton import TritonEngine
from .errors import ForiiError, InvalidRequest, MethodNotAllowed, NotFound
from .metrics import Metrics
from .middleware import ApiKey, RequestContext
from .models import load_catalog
from .openai.request import ChatRequest
from .responses import error_response
from .routes.chat import chat_router
from .routes.health import health_router
from .routes.models import models_router
from .services import Services
from .settings import NotServable, Settings

_PREFIXES = ("/inference/v1", "/v1")


class _Api(FastAPI):
    def openapi(self) -> dict[str, object]:
        """FastAPI's description of the routes, with the request that they parse themselves."""
        if self.openapi_schema is None:
            request = ChatRequest.model_json_schema(ref_template="#/components/schemas/{model}")
            components = super().openapi()["components"]["schemas"]
            components.update(request.pop("$defs"), ChatRequest=request)
        return super().openapi()


def create_app(settings: Settings, engine: Engine | None = None) -> FastAPI:
    """The application; ``app.state.services`` is what it stands on. engine: in place of the Triton that the
    settings name; the application closes it.

    Raises NotServable for settings that cannot be served, and what ``load_catalog`` raises.
    """
    settings.check_servable()
    if engine is None:
        if settings.triton is None:
            raise NotServable("no Triton to talk to: set FORII_TRITON to HOST:PORT of its gRPC port")
        engine = TritonEngine(settings.triton)
    pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="prompt")
    services = Services(settings, load_catalog(settings.models, pool), engine, Metrics(), pool)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await services.engine.close()
        pool.shutdown(wait=False)

    middleware = [Middleware(RequestContext)]
    if settings.api_key is not None:
        middleware.append(Middleware(ApiKey, key=settings.api_key.get_secret_value()))
    app = _Api(
        title="Forii inference API",
        version=version("forii"),
        lifespan=lifespan,
        middleware=middleware,
        redirect_slashes=False,
    )
    app.state.services = services
    for prefix in _PREFIXES:
        app.include_router(chat_router(services), prefix=prefix, tags=["inference"])
        app.include_router(models_router(services), prefix=prefix, tags=["inference"])
    app.include_router(health_router(services), tags=["operations"])
    app.add_exception_handler(ForiiError, _forii_error)
    app.add_exception_handler(HTTPException, _http_error)
    return app


async def _forii_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ForiiError)
    return error_response(error)


async def _http_error(request: Request, error: Exception) -> Response:
    """What the router itself refuses."""
    assert isinstance(error, HTTPException)
    path = request.url.path[:200]
    if error.status_code == 404:
        return error_response(NotFound(f"There is no {path}; the API is below {_PREFIXES[0]}, see /docs."))
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        refusal = error_response(MethodNotAllowed(f"{path} takes {allowed}, not {request.method}."))
        refusal.headers["Allow"] = allowed
        return refusal
    return error_response(InvalidRequest(str(error.detail)))
