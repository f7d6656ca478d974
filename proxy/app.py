"""The proxy as an ASGI application: settings in, routes, middleware and error answers put together out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from .accounts.accounts import Accounts
from .accounts.limiter import Limiter
from .accounts.metering import Metering
from .accounts.quotas import Quotas
from .admission import Admission
from .authentication import Authentication
from .drain import Drain, DrainGate
from .engines.base import Engine
from .engines.triton import TritonEngine
from .errors import ForiiError, InvalidRequest, MethodNotAllowed, NotFound
from .metrics import Metrics
from .middleware import RequestContext
from .models import load_catalog
from .openai.request import ChatRequest
from .openai.text_request import TextRequest
from .prompt.pool import THREADS, prompt_pool
from .responses import error_response
from .routes.accounts import accounts_router
from .routes.health import health_router
from .routes.inference import inference_router
from .routes.models import models_router
from .routes.usage import usage_router
from .schemas import Schemas
from .services import Services
from .settings import NotServable, Settings

_PREFIXES = ("/inference/v1", "/v1")
# What scripts of other origins may read beside the body.
_EXPOSED = (
    "x-request-id",
    "x-forii-model",
    "x-forii-next-cursor",
    "x-forii-prompt-tokens",
    "x-forii-completion-tokens",
    "x-forii-cached-tokens",
    "x-forii-truncated-tokens",
    "x-forii-ttft-ms",
    "x-forii-total-ms",
    "x-forii-ignored-params",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset",
    "retry-after",
)


class _Api(FastAPI):
    def openapi(self) -> dict[str, object]:
        """FastAPI's description of the routes, with the requests that they parse themselves."""
        if self.openapi_schema is None:
            components = super().openapi()["components"]["schemas"]
            for kind in (ChatRequest, TextRequest):
                request = kind.model_json_schema(ref_template="#/components/schemas/{model}")
                components.update(request.pop("$defs"), **{kind.__name__: request})
        return super().openapi()


def create_app(settings: Settings, engine: Engine | None = None, drain: Drain | None = None) -> FastAPI:
    """The application; ``app.state.services`` is what it stands on. engine: in place of the Triton that the
    settings name; the application closes it. drain: by which whoever runs the application can begin its end.

    Raises NotServable for settings that cannot be served, and what ``load_catalog`` raises.
    """
    settings.check_servable()
    if engine is None:
        if settings.triton is None:
            raise NotServable("no Triton to talk to: set FORII_TRITON to HOST:PORT of its gRPC port")
        engine = TritonEngine(settings.triton)
    pool = prompt_pool()
    metrics = Metrics()
    admission = Admission(metrics, settings.max_running, settings.max_waiting, THREADS)
    schemas = Schemas(settings, pool)
    accounts = Accounts(settings)
    catalog = load_catalog(settings.models, pool)
    limiter, quotas = _limiter(settings, metrics), Quotas(accounts.usage)
    metering = Metering(accounts.usage, settings.journal_folder, limiter, quotas, metrics)
    services = Services(
        settings, catalog, engine, metrics, pool, admission, schemas, accounts, limiter, quotas, metering
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.ensure_future(schemas.warm())
        async with accounts.looked_after(), metering.looked_after():
            yield
        warming.cancel()
        schemas.close()
        await services.engine.close()
        pool.shutdown(wait=False)

    app = _Api(
        title="Forii inference API",
        version=version("forii"),
        lifespan=lifespan,
        middleware=_middleware(settings, drain or Drain(), accounts),
        redirect_slashes=False,
    )
    app.state.services = services
    for prefix in _PREFIXES:
        app.include_router(inference_router(services), prefix=prefix, tags=["inference"])
        app.include_router(models_router(services), prefix=prefix, tags=["inference"])
    for router in (accounts_router(accounts), usage_router(accounts)):
        app.include_router(router, prefix=_PREFIXES[1], tags=["accounts"])
    app.include_router(health_router(services), tags=["operations"])
    app.add_exception_handler(ForiiError, _forii_error)
    app.add_exception_handler(HTTPException, _http_error)
    return app


def _limiter(settings: Settings, metrics: Metrics) -> Limiter:
    if settings.redis is None:
        return Limiter(metrics)
    # Not above: most proxies have no Redis, and its library takes a while.
    from .accounts.redis_limits import RedisLimits

    try:
        return Limiter(metrics, RedisLimits(settings.redis.get_secret_value()))
    except ValueError:
        # Without its message, which may repeat a password.
        raise NotServable("redis cannot be read: write redis://[USER:PASSWORD@]HOST:PORT/NUMBER") from None


def _middleware(settings: Settings, drain: Drain, accounts: Accounts) -> list[Middleware]:
    """What requests pass, the outermost first."""
    admin = settings.admin_token
    found = [
        Middleware(RequestContext),
        Middleware(DrainGate, drain=drain),
        Middleware(
            Authentication,
            authorizer=accounts.authorizer,
            admin_token=None if admin is None else admin.get_secret_value(),
        ),
    ]
    if settings.cors_origins:
        # Outside of all: a browser shows a script no answer without its headers, an error neither.
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("*",),
            expose_headers=_EXPOSED,
        )
        found.insert(0, cors)
    return found


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
