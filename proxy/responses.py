"""Errors and bodies in, HTTP responses out."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from .errors import ForiiError


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


def error_response(error: ForiiError, known: Mapping[str, str] | None = None) -> Response:
    """known: headers besides the error's own. Source: API contract, section 10."""
    return json_response(error.to_body(), error.status, {**(known or {}), **error.headers})
