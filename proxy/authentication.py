"""The key of every request: headers in, a Caller in the scope out, or a 401. Pure ASGI.

Health, metrics and the API's description are open. Below ``/v1/accounts`` the admin token is taken too. A key in
the address is refused wherever it is, because addresses end up in the logs of everything on the way.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from .accounts.api_key import PREFIX
from .accounts.authorizer import Authorizer, end_of
from .accounts.caller import ANYBODY, Caller
from .drain import stopping
from .errors import AuthenticationFailed, ForiiError
from .responses import error_response

ACCOUNTS_PATH = "/v1/accounts"
_OPEN_PATHS = ("/health/", "/metrics", "/docs", "/openapi.json")
_CALLER = "forii.caller"
_ADMIN = "forii.admin"
# What clients of other APIs call it.
_KEY_NAMES = frozenset(
    {
        *("key", "api_key", "api-key", "apikey", "x-api-key", "forii_api_key"),
        *("token", "access_token", "admin_token", "admin-token", "authorization", "bearer"),
    }
)
# By which reverse proxies tell where a request came from; and in RFC 7239's header the same.
_FORWARDED = ("x-forwarded-for", "x-real-ip")
_FORWARDED_FOR = re.compile(r'for="?\[?([^\]";,\s]+)', re.IGNORECASE)


def caller_of(scope: Scope) -> Caller:
    """Who sent the request."""
    caller: Caller = scope.get(_CALLER, ANYBODY)
    return caller


def is_admin(scope: Scope) -> bool:
    """Whether it came with the admin token."""
    return _ADMIN in scope


def client_of(scope: Scope) -> str:
    """Whose request it is, as the id of its key; empty where there are no keys to tell clients apart by."""
    return caller_of(scope).key


def why_ended(scope: Scope) -> ForiiError:
    """What a client is told whose request was cancelled: its key was revoked, or the server stops."""
    return end_of(scope) or stopping()


class Authentication:
    """admin_token: None lets nobody do what needs it."""

    def __init__(self, app: ASGIApp, authorizer: Authorizer, admin_token: str | None) -> None:
        self._app = app
        self._authorizer = authorizer
        self._admin = None if admin_token is None else _digest(admin_token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_OPEN_PATHS):
            await self._app(scope, receive, send)
            return
        try:
            _refuse_key_in(scope.get("query_string", b""))
            secret = _secret(scope)
            admin = self._admits_admin(scope["path"], secret)
            known = None if admin else await self._authorizer.authorize(secret)
            if known is not None and not known.caller.key:
                _refuse_from_elsewhere(Headers(scope=scope))
        except ForiiError as error:
            await error_response(error)(scope, receive, send)
            return
        if known is None:
            scope[_ADMIN] = True
            await self._app(scope, receive, send)
            return
        scope[_CALLER] = known.caller
        with known.running(scope):
            await self._app(scope, receive, send)

    def _admits_admin(self, path: str, secret: str) -> bool:
        if self._admin is None or not (path == ACCOUNTS_PATH or path.startswith(f"{ACCOUNTS_PATH}/")):
            return False
        return hmac.compare_digest(_digest(secret), self._admin)


def _secret(scope: Scope) -> str:
    """What was sent as the key, empty if nothing was."""
    scheme, _, secret = Headers(scope=scope).get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _refuse_key_in(query: bytes) -> None:
    """Raises AuthenticationFailed for an address with a key in it."""
    if not query:
        return
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if any(name.lower() in _KEY_NAMES or PREFIX in value or PREFIX in name for name, value in pairs):
        raise AuthenticationFailed(
            "Send the API key in the header 'Authorization: Bearer <key>', never in the address: addresses are "
            "logged on the way. If this key works, revoke it."
        )


def _refuse_from_elsewhere(headers: Headers) -> None:
    """For a server without keys, which is open to its own machine alone. Raises AuthenticationFailed for what came
    through a reverse proxy from another one, as most of them say."""
    told = [one for name in _FORWARDED for value in headers.getlist(name) for one in value.split(",")]
    told += _FORWARDED_FOR.findall(",".join(headers.getlist("forwarded")))
    if not all(map(_is_loopback, told)):
        raise AuthenticationFailed(
            "No key was made yet, so this server answers its own machine alone, and the request came through a "
            "proxy from elsewhere: make a key with `forii keys create NAME` and send it as 'Authorization: Bearer "
            "<key>'."
        )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.strip()).is_loopback
    except ValueError:
        return False


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
