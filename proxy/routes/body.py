"""The body of a request: bytes in, bytes out, within the limit."""

from __future__ import annotations

from starlette.requests import Request

from ..errors import RequestTooLarge, UnsupportedMediaType


async def read_body(request: Request, limit: int) -> bytes:
    """The JSON body. limit: in bytes; one byte more is not read. Raises UnsupportedMediaType, RequestTooLarge, and
    starlette's ClientDisconnect."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType("Send the request as JSON with the header 'Content-Type: application/json'.")
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"The request body is larger than this server's limit of {limit} bytes; send less.")
