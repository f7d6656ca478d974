"""What every request passes, whatever its route: an id, a log line, an answer even when the code fails. Pure ASGI:
nothing here touches the body of a stream."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import MutableMapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .authentication import why_ended
from .errors import ForiiError
from .logs import request_id
from .responses import error_response

logger = logging.getLogger(__name__)

_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class RequestContext:
    """Gives the request its id (the client's own if it sent a sane one), logs how it ended, and turns what nobody
    caught into a 500 in the API's shape."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own = Headers(scope=scope).get("x-request-id", "")
        name = own if _SANE_ID.fullmatch(own) else secrets.token_hex(16)
        token = request_id.set(name)
        watched = _WatchedSend(send, name)
        started = time.perf_counter()
        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            logger.info("the client went away before it had sent its request")
        except asyncio.CancelledError:
            # The server ends and cannot wait any longer, or the key was revoked; what had begun has been told by
            # its route.
            if watched.status is not None:
                raise
            await error_response(why_ended(scope))(scope, receive, watched)
        except Exception:
            logger.exception("unhandled error")
            if watched.status is None:
                error = ForiiError("The server failed to handle the request; send it again.")
                await error_response(error)(scope, receive, watched)
        finally:
            elapsed = round((time.perf_counter() - started) * 1000, 1)
            logger.info("request", extra=_outcome(scope, watched.status, elapsed))
            request_id.reset(token)


class _WatchedSend:
    """``send`` that adds the id to the response's headers and remembers the status."""

    def __init__(self, send: Send, name: str) -> None:
        self._send = send
        self._name = name
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["x-request-id"] = self._name
        await self._send(message)


def _outcome(scope: MutableMapping[str, object], status: int | None, elapsed: float) -> dict[str, object]:
    """status is None where the client went away before there was one."""
    return {"method": scope["method"], "path": scope["path"], "status": status, "ms": elapsed}
