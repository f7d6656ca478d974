"""The end of serving: once it is told to begin, requests that come are refused while those that run go on.

Health probes and metrics: ``/health/ready`` is refused like any request, which is what tells a load balancer to go
elsewhere; ``/health/live`` and ``/metrics`` answer to the end.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import ModelUnavailable
from .responses import error_response

_OPEN_PATHS = ("/health/live", "/metrics")


def stopping() -> ModelUnavailable:
    """What clients are told that came too late or whose answer took too long."""
    return ModelUnavailable("The server is stopping; send the request again.")


class Drain:
    """begun: whether the server is stopping."""

    def __init__(self) -> None:
        self.begun = False

    def begin(self) -> None:
        self.begun = True


class DrainGate:
    """Middleware that refuses requests once the drain has begun, and asks their clients to connect anew."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._drain.begun or scope["type"] != "http" or scope["path"] in _OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        refusal = error_response(stopping())
        refusal.headers["Connection"] = "close"
        await refusal(scope, receive, send)
